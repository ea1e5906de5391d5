//! What sends to a pull queue by itself: a queue stays as long as something does.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Integer, Text, Timestamptz, Uuid as SqlUuid};
use veza_core::{Query, TenantScope, TenantTx, Write};

use crate::error::Error;
use crate::queue::QueueName;

/// What those have to know who send to a pull queue by themselves.
#[derive(QueryableByName)]
pub(crate) struct Kept {
    #[diesel(sql_type = Integer)]
    max_receives: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) max_message_bytes: i32,
}

impl Kept {
    /// How often its messages are received.
    pub(crate) fn receives(&self) -> u16 {
        u16::try_from(self.max_receives).unwrap_or(1)
    }
}

/// Keeps a pull queue from being removed until the transaction ends; whoever keeps a pointer to it does
/// so first. Gives what it takes; `None` for a program's queue, which nobody can remove. Of all rows, that of the
/// queue is locked last.
///
/// # Errors
/// [`Error::Invalid`] that names `field` when there is no such queue.
pub(crate) fn keep(
    tx: &mut TenantTx<'_>,
    queue: &QueueName,
    field: &'static str,
) -> Result<Option<Kept>, Error> {
    if !queue.is_pull() {
        return Ok(None);
    }
    let statement = diesel::sql_query(
        "SELECT max_receives, max_message_bytes FROM jobs.queues WHERE tenant_id = $1 AND name = $2 AND removed_at IS NULL FOR SHARE",
    );
    let statement = statement.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(queue.name());
    let kept: Option<Kept> = tx.find_result(statement)?;
    kept.map(Some).ok_or_else(|| Error::field(field, "unknown", "a pull queue that there is"))
}

/// Lets go of a queue whose row is locked: refuses when a binding or a schedule sends to it, and ends
/// redrives that would.
pub(super) fn release(tx: &mut TenantTx<'_>, lane: &QueueName) -> Result<(), Error> {
    #[derive(QueryableByName)]
    struct Use {
        #[diesel(sql_type = Bool)]
        in_use: bool,
    }
    let statement = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM jobs.bindings WHERE tenant_id = $1 AND queue = $2) \
             OR EXISTS (SELECT FROM jobs.schedules WHERE tenant_id = $1 AND queue = $2) AS in_use",
    );
    let statement = statement.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(lane.as_str());
    if tx.get_result::<Use, _>(statement)?.in_use {
        return Err(Error::QueueInUse);
    }
    let end = diesel::sql_query(
        "UPDATE jobs.redrives SET cancelled = true, finished_at = $3 \
         WHERE tenant_id = $1 AND (queue = $2 OR target = $2) AND finished_at IS NULL",
    );
    let end =
        end.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(lane.as_str()).bind::<Timestamptz, _>(tx.now());
    tx.execute(end)?;
    Ok(())
}
