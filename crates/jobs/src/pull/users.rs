//! What sends to a pull queue by itself: a queue stays as long as something does.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Integer, Text, Timestamptz, Uuid as SqlUuid};
use veza_core::{Query, TenantScope, TenantTx, Write};

use crate::error::Error;
use crate::queue::QueueName;

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = Integer)]
    max_receives: i32,
}

/// Keeps a pull queue from being removed until the transaction ends; whoever keeps a pointer to it does
/// so first. Gives how often its messages are received; `None` for a program's queue, which nobody can
/// remove. Of all rows, that of the queue is locked last.
///
/// # Errors
/// [`Error::Invalid`] that names `field` when there is no such queue.
pub(crate) fn keep(
    tx: &mut TenantTx<'_>,
    queue: &QueueName,
    field: &'static str,
) -> Result<Option<u16>, Error> {
    if !queue.is_pull() {
        return Ok(None);
    }
    let statement = diesel::sql_query(
        "SELECT max_receives FROM jobs.queues WHERE tenant_id = $1 AND name = $2 AND removed_at IS NULL FOR SHARE",
    );
    let statement = statement.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(queue.name());
    let kept: Option<Kept> = tx.find_result(statement)?;
    let kept = kept.ok_or_else(|| Error::field(field, "unknown", "a pull queue that there is"))?;
    Ok(Some(u16::try_from(kept.max_receives).unwrap_or(1)))
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
