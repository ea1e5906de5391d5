//! Dead letters: back among the living one by one, or gone for good.

use chrono::DateTime;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp};

use crate::enqueue::CHANNEL;
use crate::error::Error;
use crate::id::JobId;
use crate::job::HEAD_START;
use crate::permission::ManageJobs;
use crate::queue::QueueName;

/// Which dead letters of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadFilter {
    /// The queue in which they died.
    pub queue: QueueName,
    /// Of this kind alone.
    pub kind: Option<String>,
    /// Dead for this reason alone: `failed`, `fatal`, `lost` or `rejected`.
    pub reason: Option<String>,
    /// Dead at this moment or later.
    pub died_from: Option<Timestamp>,
    /// Dead at this moment or before.
    pub died_until: Option<Timestamp>,
}

/// The reasons that there are.
const REASONS: [&str; 4] = ["failed", "fatal", "lost", "rejected"];
/// Jobs of one statement at most.
pub(crate) const BATCH: i64 = 1_000;
/// A dead job begins anew.
const REVIVE: &str = "SELECT queue, rank FROM jobs.revive($1, $2, $3, $4, NULL)";
/// A deferred job begins now.
const HASTEN: &str = "SELECT queue, rank FROM jobs.hasten($1, $2, $3, $4)";

impl DeadFilter {
    /// All of a queue.
    pub fn of(queue: QueueName) -> Self {
        Self { queue, kind: None, reason: None, died_from: None, died_until: None }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.reason.as_deref().is_some_and(|reason| !REASONS.contains(&reason)) {
            return Err(Error::field("/reason", "unknown", "one of failed, fatal, lost and rejected"));
        }
        if matches!((self.died_from, self.died_until), (Some(from), Some(until)) if from > until) {
            return Err(Error::field("/died_until", "out_of_order", "not before died_from"));
        }
        Ok(())
    }

    /// Where among the dead of the queue to begin: a position that is before all of them.
    pub(crate) fn begin(&self) -> (Timestamp, Uuid) {
        // PostgreSQL has fewer years than a calendar.
        (self.died_from.unwrap_or_default().max(DateTime::UNIX_EPOCH), Uuid::nil())
    }

    /// Until when they died.
    pub(crate) fn until(&self, now: Timestamp) -> Timestamp {
        self.died_until.map_or(now, |until| until.min(now).max(DateTime::UNIX_EPOCH))
    }
}

#[derive(QueryableByName)]
struct Lane {
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = BigInt)]
    rank: i64,
}

/// Lets a dead job begin anew, with no attempts counted and its history kept, or a deferred one begin
/// now. A job that waits already does so.
///
/// # Errors
/// [`Error::KeyTaken`] when another job has its unique key by now; [`Error::NotRetriable`] when it runs;
/// [`Error::NotFound`] when it has ended or is not the tenant's.
pub fn retry(tx: &mut TenantTx<'_>, _: &Permit<ManageJobs>, id: JobId) -> Result<(), Error> {
    let mut lane = moved(tx, id, REVIVE)?;
    if lane.is_none() {
        lane = moved(tx, id, HASTEN)?;
    }
    let Some(Lane { queue, rank }) = lane else { return explain(tx, id) };
    tx.signal(CHANNEL, queue, rank);
    Ok(())
}

/// Moves one job back to ready by a function that gives the lane, when there is something to move.
fn moved(tx: &mut TenantTx<'_>, id: JobId, sql: &'static str) -> Result<Option<Lane>, Error> {
    let statement = diesel::sql_query(sql)
        .bind::<Timestamptz, _>(tx.now())
        .bind::<BigInt, _>(HEAD_START)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Array<SqlUuid>, _>(vec![id.as_uuid()]);
    Ok(tx.find_result(statement)?)
}

/// Why a job cannot be retried.
fn explain(tx: &mut TenantTx<'_>, id: JobId) -> Result<(), Error> {
    #[derive(QueryableByName)]
    struct Place {
        #[diesel(sql_type = Text)]
        place: String,
    }
    let places = diesel::sql_query(
        "SELECT CASE WHEN unique_key IS NULL THEN 'moving' ELSE 'dead' END AS place FROM jobs.dead WHERE tenant_id = $1 AND job_id = $2 \
         UNION ALL SELECT 'leases' FROM jobs.leases WHERE tenant_id = $1 AND job_id = $2 \
         UNION ALL SELECT 'ready' FROM jobs.ready WHERE tenant_id = $1 AND job_id = $2",
    );
    let place: Option<Place> =
        tx.find_result(places.bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id))?;
    match place.as_ref().map(|place| place.place.as_str()) {
        // Without a key, only somebody who takes it back at this moment stands in the way.
        Some("ready" | "moving") => Ok(()),
        Some("dead") => Err(Error::KeyTaken),
        Some(_) => Err(Error::NotRetriable),
        None => Err(Error::NotFound("job")),
    }
}

/// What one step of a purge did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// Jobs that are gone.
    pub jobs: usize,
    /// Where to go on; `None` when all were looked at.
    pub next: Option<(Timestamp, JobId)>,
}

#[derive(QueryableByName)]
struct Buried {
    #[diesel(sql_type = BigInt)]
    looked: i64,
    #[diesel(sql_type = BigInt)]
    gone: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    died_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    job_id: Option<JobId>,
}

/// Deletes dead letters for good, oldest first: it looks at a thousand from `from` on.
/// [`Jobs::purge_dead`](crate::Jobs::purge_dead) does all of it.
///
/// # Errors
/// [`Error::Invalid`] for a filter that breaks a rule.
pub fn purge_dead(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    filter: &DeadFilter,
    from: Option<(Timestamp, JobId)>,
) -> Result<Purged, Error> {
    filter.check()?;
    let (passed_at, passed_job) = from.map_or(filter.begin(), |(at, job)| (at, job.as_uuid()));
    let statement = diesel::sql_query(
        "WITH looked AS MATERIALIZED ( \
             SELECT d.died_at, d.job_id, \
                    ($6::text IS NULL OR d.kind = $6) AND ($7::text IS NULL OR d.reason = $7) AS fits \
             FROM jobs.dead AS d \
             WHERE d.tenant_id = $1 AND d.queue = $2 AND (d.died_at, d.job_id) > ($3, $4) AND d.died_at <= $5 \
             ORDER BY d.died_at, d.job_id LIMIT $8 \
         ), gone AS ( \
             DELETE FROM jobs.dead AS d USING looked AS l \
             WHERE l.fits AND d.tenant_id = $1 AND d.job_id = l.job_id RETURNING d.tenant_id, d.queue \
         ), noted AS ( \
             INSERT INTO jobs.deltas (tenant_id, queue, dead) \
             SELECT g.tenant_id, g.queue, -count(*) FROM gone AS g GROUP BY 1, 2 \
         ) \
         SELECT (SELECT count(*) FROM looked) AS looked, (SELECT count(*) FROM gone) AS gone, p.died_at, p.job_id \
         FROM (SELECT) AS one LEFT JOIN ( \
             SELECT l.died_at, l.job_id FROM looked AS l ORDER BY l.died_at DESC, l.job_id DESC LIMIT 1 \
         ) AS p ON true",
    );
    let statement = statement
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(filter.queue.as_str())
        .bind::<Timestamptz, _>(passed_at)
        .bind::<SqlUuid, _>(passed_job)
        .bind::<Timestamptz, _>(filter.until(tx.now()))
        .bind::<Nullable<Text>, _>(filter.kind.as_deref())
        .bind::<Nullable<Text>, _>(filter.reason.as_deref())
        .bind::<BigInt, _>(BATCH);
    let buried: Buried = tx.get_result(statement)?;
    let next = if buried.looked < BATCH { None } else { buried.died_at.zip(buried.job_id) };
    Ok(Purged { jobs: usize::try_from(buried.gone).unwrap_or(0), next })
}
