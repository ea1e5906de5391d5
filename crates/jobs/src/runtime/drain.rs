//! Running jobs inside a test, one after the other, without a runtime in the background.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use veza_core::{Caller, Query, TenantScope, TenantTx};

use crate::engine::{self, Claim, Claimed, Want};
use crate::error::Error;
use crate::id::Token;
use crate::job::Job;
use crate::runtime::Runtime;
use crate::runtime::attempt::{Stop, attempt};

/// What [`Runtime::drain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Attempts that were made, those that failed included.
    pub attempts: usize,
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = Text)]
    queue: String,
}

impl Runtime {
    /// Runs the jobs of one tenant that are due by the database's clock, and those that they enqueue,
    /// until none is left: for tests, in which a runtime in the background would be a race. Jobs of
    /// other tenants are not touched, so tests may share a database. A failed job waits for its next
    /// attempt; move a manual clock and drain again.
    pub async fn drain(&self, caller: &Caller) -> Result<Drained, Error> {
        let db = self.shared.jobs.db();
        let mut drained = Drained::default();
        loop {
            let token = Token::generate(&**db.random());
            let queues: Vec<String> = self.shared.queues.keys().cloned().collect();
            let next = db.tenant(caller, move |tx| next(tx, &queues, token)).await?;
            let Some(job) = next else { return Ok(drained) };
            let (lease, ending) =
                attempt(&self.shared.jobs, &self.shared.registry, job, token, &Stop::default()).await;
            if let Some(ending) = ending {
                let ending = Arc::new([(lease, ending)]);
                db.tenant(caller, move |tx| engine::end(tx, &*ending)).await?;
            }
            drained.attempts += 1;
        }
    }
}

/// Leases the next job of the tenant in any of the queues.
fn next(tx: &mut TenantTx<'_>, queues: &[String], token: Token) -> Result<Option<Claimed>, Error> {
    engine::promote(tx, 1_000, None)?;
    let waiting =
        diesel::sql_query("SELECT DISTINCT queue::text AS queue FROM jobs.ready WHERE tenant_id = $1");
    let waiting: Vec<Waiting> = tx.load(waiting.bind::<SqlUuid, _>(tx.tenant()))?;
    for Waiting { queue } in waiting.into_iter().filter(|lane| queues.contains(&lane.queue)) {
        let claim = Claim { process: None, token, visibility_ms: None };
        let want = Want { tenant: tx.tenant(), queue, count: 1, floor: i64::MIN };
        if let Some(job) = engine::claim(tx, claim, &[want])?.pop() {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// The jobs of kind `J` that the tenant has waiting or deferred, oldest first: what a test asserts on.
/// It sees what the transaction itself enqueued.
pub fn pending<J: Job>(tx: &mut impl TenantScope) -> Result<Vec<J>, Error> {
    #[derive(QueryableByName)]
    struct Payload {
        #[diesel(sql_type = Text)]
        payload: String,
    }
    let statement = diesel::sql_query(
        "SELECT payload::text FROM ( \
             SELECT job_id, rank, payload FROM jobs.ready WHERE tenant_id = $1 AND kind = $2 \
             UNION ALL SELECT job_id, rank, payload FROM jobs.deferred WHERE tenant_id = $1 AND kind = $2 \
         ) AS j ORDER BY rank, job_id",
    );
    let rows: Vec<Payload> = tx.load(statement.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(J::KIND))?;
    rows.iter()
        .map(|row| serde_json::from_str(&row.payload))
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Unserializable { kind: J::KIND, error: error.to_string() })
}

/// Panics unless the tenant has a job of kind `J` waiting or deferred that `matches`; gives the first.
///
/// # Panics
/// When it has none, with a list of those it has; and when the database cannot be asked.
#[track_caller]
#[allow(clippy::panic, reason = "an assertion")]
pub fn assert_enqueued<J: Job + std::fmt::Debug>(
    tx: &mut impl TenantScope,
    matches: impl Fn(&J) -> bool,
) -> J {
    let mut jobs: Vec<J> = match pending(tx) {
        Ok(jobs) => jobs,
        Err(error) => panic!("the jobs cannot be read: {error}"),
    };
    match jobs.iter().position(matches) {
        Some(found) => jobs.swap_remove(found),
        None => panic!("no job of kind {} matches; there are {jobs:#?}", J::KIND),
    }
}
