//! What a process asks the database once a second, in one statement, before it asks for anything else.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Json, Nullable, Timestamptz};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use veza_core::{DbError, DispatchStatement, Query, Reason, Timestamp};

use crate::admin::QueueCounts;
use crate::runtime::Shared;

/// How often.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// What there is to do.
#[derive(Debug, Clone, Default, QueryableByName)]
#[allow(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub(crate) struct Look {
    /// Jobs wait that may run.
    #[diesel(sql_type = Bool)]
    pub(crate) ready: bool,
    /// When the next deferred job is due, or was.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(crate) due_at: Option<Timestamp>,
    #[diesel(sql_type = Bool)]
    cancelled: bool,
    #[diesel(sql_type = Bool)]
    suspended: bool,
    /// Statements counted what is not added up.
    #[diesel(sql_type = Bool)]
    pub(crate) uncounted: bool,
    /// Messages were received and not ended in time.
    #[diesel(sql_type = Bool)]
    pub(crate) expired: bool,
    /// A redrive has its turn.
    #[diesel(sql_type = Bool)]
    pub(crate) redriving: bool,
    /// A replay is not through.
    #[diesel(sql_type = Bool)]
    pub(crate) replaying: bool,
    /// When the next schedule ticks, or should have.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(crate) tick_at: Option<Timestamp>,
    #[diesel(sql_type = Json)]
    totals: Value,
}

impl Look {
    /// Something is there that only a poll knows more of.
    pub(crate) fn wants_poll(&self) -> bool {
        self.ready || self.cancelled || self.suspended
    }

    /// All queues over all tenants.
    pub(crate) fn totals(&self) -> Vec<QueueCounts> {
        serde_json::from_value(self.totals.clone()).unwrap_or_default()
    }
}

fn look(tx: &mut DispatchStatement<'_>) -> Result<Look, DbError> {
    tx.get_result(diesel::sql_query("SELECT * FROM jobs.look($1)").bind::<Timestamptz, _>(tx.now()))
}

/// Looks each second until `ended`, and for a tenth of the time at most, where dead rows make it slow.
pub(crate) async fn looking(shared: Arc<Shared>, ended: CancellationToken, looks: watch::Sender<Look>) {
    let mut pause = Duration::ZERO;
    while ended.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        let began = Instant::now();
        match shared.jobs.db().dispatch_statement(Reason("jobs.look"), look).await {
            Ok(look) => drop(looks.send(look)),
            Err(error) => tracing::warn!(%error, "nobody can see what there is to do"),
        }
        pause = LOOK.max(began.elapsed() * 10);
    }
}

/// Does `step` after each look that `calls` for it, until nobody looks any more.
pub(crate) async fn when<F, Fut>(mut looks: watch::Receiver<Look>, calls: impl Fn(&Look) -> bool, step: F)
where
    F: Fn(Look) -> Fut,
    Fut: Future<Output = ()>,
{
    while looks.changed().await.is_ok() {
        let look = looks.borrow_and_update().clone();
        if calls(&look) {
            step(look).await;
        }
    }
}
