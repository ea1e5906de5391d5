//! How many jobs there are, without counting them.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope};

use crate::error::Error;
use crate::permission::ReadJobs;

/// A tenant's jobs of one queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, QueryableByName)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct QueueCounts {
    /// The queue as the database has it: those of the pull API begin with `pull:`.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// May run now.
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// May run later.
    #[diesel(sql_type = BigInt)]
    pub deferred: i64,
    /// Are worked on.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// Are dead letters.
    #[diesel(sql_type = BigInt)]
    pub dead: i64,
    /// Were enqueued, since the first.
    #[diesel(sql_type = BigInt)]
    pub enqueued: i64,
    /// Ended well, since the first.
    #[diesel(sql_type = BigInt)]
    pub done: i64,
    /// Attempts that failed, since the first.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    /// Died, since the first, whether or not they live again.
    #[diesel(sql_type = BigInt)]
    pub died: i64,
    /// Were cancelled, since the first.
    #[diesel(sql_type = BigInt)]
    pub cancelled: i64,
}

/// The sums of the columns of [`QueueCounts`].
pub(crate) const SUMS: &str = "sum(waiting)::bigint AS waiting, sum(deferred)::bigint AS deferred, \
    sum(running)::bigint AS running, sum(dead)::bigint AS dead, sum(enqueued)::bigint AS enqueued, \
    sum(done)::bigint AS done, sum(failed)::bigint AS failed, sum(died)::bigint AS died, \
    sum(cancelled)::bigint AS cancelled";
/// Those columns.
pub(crate) const COLUMNS: &str =
    "queue, waiting, deferred, running, dead, enqueued, done, failed, died, cancelled";

/// The tenant's queues that ever had a job, by name, exact to the transaction.
pub fn counts(tx: &mut impl TenantScope, _: &Permit<ReadJobs>) -> Result<Vec<QueueCounts>, Error> {
    load(tx, None, None)
}

/// The same, page by page.
pub fn list_counts(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    page: &PageRequest<String>,
) -> Result<Page<QueueCounts>, Error> {
    let counts = load(tx, page.after.as_deref(), Some(page.fetch()))?;
    Ok(Page::new(page, counts, |counts| counts.queue.clone()))
}

fn load(
    tx: &mut impl TenantScope,
    after: Option<&str>,
    at_most: Option<i64>,
) -> Result<Vec<QueueCounts>, Error> {
    let statement = diesel::sql_query(format!(
        "SELECT queue::text AS queue, {SUMS} FROM ( \
             SELECT {COLUMNS} FROM jobs.counts WHERE tenant_id = $1 AND ($2 IS NULL OR queue > $2) \
             UNION ALL SELECT {COLUMNS} FROM jobs.deltas WHERE tenant_id = $1 AND ($2 IS NULL OR queue > $2) \
         ) AS c GROUP BY c.queue ORDER BY c.queue LIMIT $3"
    ));
    let statement = statement
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Nullable<Text>, _>(after)
        .bind::<Nullable<BigInt>, _>(at_most);
    Ok(tx.load(statement)?)
}
