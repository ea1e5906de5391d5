//! Cancelling: what waits ends at once, what runs is told to stop.

use diesel::QueryableByName;
use diesel::sql_types::{Array, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use crate::enqueue::CHANNEL;
use crate::error::Error;
use crate::id::JobId;
use crate::permission::ManageJobs;

/// What cancelling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The job had not begun, and is over.
    Ended,
    /// The job runs. Its handler hears of it within about a second, and it is not retried.
    Requested,
}

/// A job may move while it is looked for: from waiting to running, and back after a failure.
const ROUNDS: usize = 3;

/// Cancels a job. Doing it twice to a running job is doing it once.
///
/// # Errors
/// [`Error::NotFound`] when it has ended, is dead, or is not the tenant's.
pub fn cancel(tx: &mut TenantTx<'_>, _: &Permit<ManageJobs>, id: JobId) -> Result<Cancelled, Error> {
    for _ in 0..ROUNDS {
        if !end_waiting(tx, &[id.as_uuid()])?.is_empty() {
            return Ok(Cancelled::Ended);
        }
        if request(tx, id)? {
            return Ok(Cancelled::Requested);
        }
    }
    Err(Error::NotFound("job"))
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = SqlUuid)]
    job_id: JobId,
}

/// Ends those of these jobs that wait, now or for their time, and gives them.
pub(crate) fn end_waiting(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<Vec<JobId>, Error> {
    let statement = diesel::sql_query("SELECT job_id FROM jobs.end_waiting($1, $2, $3) AS e (job_id)")
        .bind::<Timestamptz, _>(tx.now())
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Array<SqlUuid>, _>(ids);
    Ok(tx.load::<Ended, _>(statement)?.into_iter().map(|ended| ended.job_id).collect())
}

#[derive(QueryableByName)]
struct Leased {
    #[diesel(sql_type = Text)]
    queue: String,
}

/// Asks a running job to stop; answers whether it runs. With the lease locked it cannot end before the
/// request is there for whoever ends it.
fn request(tx: &mut TenantTx<'_>, id: JobId) -> Result<bool, Error> {
    let lease = diesel::sql_query(
        "SELECT queue::text AS queue FROM jobs.leases WHERE tenant_id = $1 AND job_id = $2 FOR UPDATE",
    );
    let lease = lease.bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id);
    let Some(Leased { queue }) = tx.find_result(lease)? else { return Ok(false) };
    let insert = diesel::sql_query(
        "INSERT INTO jobs.cancellations (tenant_id, job_id, requested_at) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
    );
    let insert =
        insert.bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id).bind::<Timestamptz, _>(tx.now());
    tx.execute(insert)?;
    // If it runs in this process, it need not wait for the next poll.
    tx.signal(CHANNEL, queue, i64::MAX);
    Ok(true)
}
