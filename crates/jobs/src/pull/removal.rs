//! Messages that go without having been received: with their queue, by a purge, by age.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Text, Timestamptz, Uuid as SqlUuid};
use serde::Serialize;
use uuid::Uuid;
use veza_core::{Caller, DbError, DispatchTx, Permit, Query, TenantScope, TenantTx, Timestamp, Write};

use super::queue::{Target, changeable};
use super::users;
use crate::error::Error;
use crate::permission::ManageJobs;
use crate::queue::QueueName;
use crate::service::Jobs;

/// Messages of each state that one transaction removes.
const BATCH: i32 = 1_000;
/// Queues that one transaction sweeps, and messages of each state and queue.
const SWEPT_QUEUES: i32 = 100;
const SWEPT: i32 = 500;

/// What a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Purged {
    /// How many it removed.
    pub removed: i64,
}

#[derive(QueryableByName)]
struct Removed {
    #[diesel(sql_type = BigInt)]
    removed: i64,
}

#[derive(QueryableByName)]
struct Empty {
    #[diesel(sql_type = Bool)]
    empty: bool,
}

impl Jobs {
    /// Removes a queue. It is gone at once; what it held goes batch by batch, and what is left when the
    /// caller goes away meanwhile is swept by whoever runs jobs. Its name is free again a minute later.
    ///
    /// # Errors
    /// [`Error::QueueNotEmpty`] when it holds messages, dead letters included, and `force` is not set;
    /// [`Error::QueueInUse`] when a binding or a schedule sends to it.
    pub async fn remove_queue(
        &self,
        caller: &Caller,
        _: &Permit<ManageJobs>,
        name: &str,
        force: bool,
        versions: Option<Vec<i64>>,
    ) -> Result<(), Error> {
        let marked = name.to_owned();
        let (lane, now) = self
            .db()
            .tenant(caller, move |tx| {
                Ok::<_, Error>((mark(tx, &marked, force, versions.as_deref())?, tx.now()))
            })
            .await?;
        if force {
            // Later than what is being sent at this moment.
            let before = now + chrono::TimeDelta::hours(1);
            let mut removed = 1;
            while removed > 0 {
                let lane = lane.clone();
                removed = self.db().tenant(caller, move |tx| discard(tx, &lane, before, true)).await?;
            }
        }
        Ok(())
    }

    /// Removes all messages of a queue that were sent until now, those under way included; their receipts
    /// are void then. Dead letters stay, and so do deduplication ids for their five minutes. Who goes away
    /// meanwhile leaves a part of the work undone.
    pub async fn purge_messages(
        &self,
        caller: &Caller,
        _: &Permit<ManageJobs>,
        name: &str,
    ) -> Result<Purged, Error> {
        let name = name.to_owned();
        let found = move |tx: &mut TenantTx<'_>| Ok::<_, Error>(Target::find(tx, &name)?.lane);
        let lane = self.db().tenant(caller, found).await?;
        let removed = self.purge_queue(caller, &lane).await?;
        Ok(Purged { removed: i64::try_from(removed).unwrap_or(i64::MAX) })
    }
}

/// Takes a queue out of sight, if it may go.
fn mark(
    tx: &mut TenantTx<'_>,
    name: &str,
    force: bool,
    versions: Option<&[i64]>,
) -> Result<QueueName, Error> {
    let lane = changeable(tx, name, versions)?;
    // First, so that nobody purges a queue which may not go anyway.
    users::release(tx, &lane)?;
    if !force {
        let statement = diesel::sql_query("SELECT jobs.is_empty($1, $2) AS empty")
            .bind::<SqlUuid, _>(tx.tenant())
            .bind::<Text, _>(lane.as_str());
        if !tx.get_result::<Empty, _>(statement)?.empty {
            return Err(Error::QueueNotEmpty);
        }
    }
    let statement = diesel::sql_query(
        "UPDATE jobs.queues SET removed_at = $3, updated_at = $3, version = version + 1 WHERE tenant_id = $1 AND name = $2",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(name)
    .bind::<Timestamptz, _>(tx.now());
    tx.execute(statement)?;
    Ok(lane)
}

/// Removes messages that were sent until `before`, a batch of each state; gives how many.
pub(crate) fn discard(
    tx: &mut TenantTx<'_>,
    lane: &QueueName,
    before: Timestamp,
    dead: bool,
) -> Result<i64, Error> {
    let statement = diesel::sql_query("SELECT jobs.discard($1, $2, $3, $4, $5) AS removed")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(lane.as_str())
        .bind::<Timestamptz, _>(before)
        .bind::<Bool, _>(dead)
        .bind::<Integer, _>(BATCH);
    Ok(tx.get_result::<Removed, _>(statement)?.removed)
}

/// One step of a sweep.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// The queue after which to go on; `None` when all were swept.
    pub(crate) next: Option<(Uuid, String)>,
    /// Some queue holds more that is to go.
    pub(crate) more: bool,
}

/// Removes what is too old from some queues, those after `after`, and what is left of removed ones.
pub(crate) fn expire(tx: &mut DispatchTx<'_>, after: &(Uuid, String)) -> Result<Sweep, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        tenant_id: Uuid,
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        removed: i64,
    }
    let statement = diesel::sql_query("SELECT tenant_id, name, removed FROM jobs.expire($1, $2, $3, $4, $5)")
        .bind::<Timestamptz, _>(tx.now())
        .bind::<SqlUuid, _>(after.0)
        .bind::<Text, _>(after.1.as_str())
        .bind::<Integer, _>(SWEPT_QUEUES)
        .bind::<Integer, _>(SWEPT);
    let rows: Vec<Row> = tx.load(statement)?;
    let more = rows.iter().any(|row| row.removed >= i64::from(SWEPT));
    let full = i32::try_from(rows.len()).is_ok_and(|rows| rows >= SWEPT_QUEUES);
    let next = rows.into_iter().next_back().filter(|_| full).map(|row| (row.tenant_id, row.name));
    Ok(Sweep { next, more })
}
