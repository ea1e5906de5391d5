//! The engine's statements, as functions. What they do is said in the migration that holds them.

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Integer, Interval, Json, Nullable, SmallInt, Text, Timestamptz,
    Uuid as SqlUuid,
};
use uuid::Uuid;
use veza_core::{DbError, DispatchTx, Query, TenantId, Timestamp, Write};

use crate::id::{JobId, ProcessId, Token};
use crate::job::HEAD_START;

/// A job that this process holds.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) tenant_id: TenantId,
    #[diesel(sql_type = SqlUuid)]
    pub(crate) job_id: JobId,
    #[diesel(sql_type = Text)]
    pub(crate) queue: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) rank: i64,
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = SmallInt)]
    pub(crate) attempt: i16,
    #[diesel(sql_type = SmallInt)]
    pub(crate) max_attempts: i16,
    #[diesel(sql_type = Integer)]
    pub(crate) timeout_ms: i32,
    #[diesel(sql_type = Timestamptz)]
    pub(crate) enqueued_at: Timestamp,
    #[diesel(sql_type = Timestamptz)]
    pub(crate) ready_at: Timestamp,
    #[diesel(sql_type = Text)]
    pub(crate) payload: String,
    #[diesel(sql_type = Nullable<Json>)]
    pub(crate) meta: Option<serde_json::Value>,
    #[diesel(sql_type = Bool)]
    pub(crate) limited: bool,
}

/// What to take from one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) tenant: TenantId,
    pub(crate) queue: String,
    pub(crate) count: i32,
    pub(crate) floor: i64,
}

/// For whom to claim, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) process: Option<ProcessId>,
    pub(crate) token: Token,
    pub(crate) visibility_ms: Option<i32>,
}

/// Leases jobs, in the order of their lanes.
pub(crate) fn claim(tx: &mut impl Query, claim: Claim, wants: &[Want]) -> Result<Vec<Claimed>, DbError> {
    let statement = diesel::sql_query(
        "SELECT tenant_id, job_id, queue, rank, kind, attempt, max_attempts, timeout_ms, enqueued_at, ready_at, payload::text, meta, limited FROM jobs.claim($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<Nullable<SqlUuid>, _>(claim.process.map(ProcessId::as_uuid))
    .bind::<SqlUuid, _>(claim.token.0)
    .bind::<Timestamptz, _>(tx.now())
    .bind::<Nullable<Integer>, _>(claim.visibility_ms)
    .bind::<Array<SqlUuid>, _>(wants.iter().map(|want| want.tenant).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(wants.iter().map(|want| want.queue.as_str()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(wants.iter().map(|want| want.count).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(wants.iter().map(|want| want.floor).collect::<Vec<_>>());
    let mut claimed: Vec<Claimed> = tx.load(statement)?;
    claimed.sort_by_key(|job| (job.rank, job.job_id));
    Ok(claimed)
}

/// Whose lease, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) tenant: TenantId,
    pub(crate) job: JobId,
    pub(crate) token: Token,
}

/// How a lease ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ending {
    /// The work is done.
    Done { result: Option<String> },
    /// Somebody, or the job itself, gave it up.
    Cancelled,
    /// It runs again: at once or at a time. `step` is what becomes of the attempt's number.
    Again { run_at: Option<Timestamp>, step: i16, meta: Option<String> },
    /// It is a dead letter.
    Dead { reason: &'static str, error: String, meta: Option<String> },
}

impl Ending {
    /// Nothing is left of the job, unless it is kept.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Cancelled)
    }
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = SqlUuid)]
    job_id: JobId,
}

struct Keys {
    tenants: Vec<TenantId>,
    jobs: Vec<Uuid>,
    tokens: Vec<Uuid>,
}

impl Keys {
    fn of<'l>(leases: impl Iterator<Item = &'l Lease>) -> Self {
        let mut keys = Self { tenants: Vec::new(), jobs: Vec::new(), tokens: Vec::new() };
        for lease in leases {
            keys.tenants.push(lease.tenant);
            keys.jobs.push(lease.job.as_uuid());
            keys.tokens.push(lease.token.0);
        }
        keys
    }
}

macro_rules! with_keys {
    ($tx:ident, $sql:literal, $keys:ident) => {
        diesel::sql_query($sql)
            .bind::<Timestamptz, _>($tx.now())
            .bind::<Array<SqlUuid>, _>($keys.tenants)
            .bind::<Array<SqlUuid>, _>($keys.jobs)
            .bind::<Array<SqlUuid>, _>($keys.tokens)
    };
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = SqlUuid)]
    job_id: JobId,
}

/// Gives back all that a claim leased, as if nobody had begun it; answers how many jobs. It reads all leases, of
/// which there are as many as jobs run.
pub(crate) fn unclaim(tx: &mut DispatchTx<'_>, token: Token) -> Result<usize, DbError> {
    let held = diesel::sql_query("SELECT tenant_id, job_id FROM jobs.leases WHERE token = $1");
    let held: Vec<Held> = tx.load(held.bind::<SqlUuid, _>(token.0))?;
    let again = |held: &Held| {
        let lease = Lease { tenant: held.tenant_id, job: held.job_id, token };
        (lease, Ending::Again { run_at: None, step: -1, meta: None })
    };
    Ok(end(tx, &held.iter().map(again).collect::<Vec<_>>())?.len())
}

/// Ends leases, and gives the jobs of which that was still ours to do. One statement when all endings
/// [are over](Ending::is_over).
pub(crate) fn end(tx: &mut impl Query, endings: &[(Lease, Ending)]) -> Result<Vec<JobId>, DbError> {
    let mut ended = finish(tx, endings)?;
    ended.extend(put_back(tx, endings)?);
    ended.extend(bury(tx, endings)?);
    Ok(ended)
}

fn finish(tx: &mut impl Query, endings: &[(Lease, Ending)]) -> Result<Vec<JobId>, DbError> {
    let mine = || endings.iter().filter(|(_, ending)| ending.is_over());
    let keys = Keys::of(mine().map(|(lease, _)| lease));
    if keys.jobs.is_empty() {
        return Ok(Vec::new());
    }
    let (states, results): (Vec<_>, Vec<_>) = mine()
        .map(|(_, ending)| match ending {
            Ending::Done { result } => ("done", result.as_deref()),
            _ => ("cancelled", None),
        })
        .unzip();
    let statement =
        with_keys!(tx, "SELECT job_id FROM jobs.finish($1, $2, $3, $4, $5, $6) AS f (job_id)", keys)
            .bind::<Array<Text>, _>(states)
            .bind::<Array<Nullable<Text>>, _>(results);
    Ok(tx.load::<Ended, _>(statement)?.into_iter().map(|ended| ended.job_id).collect())
}

fn put_back(tx: &mut impl Query, endings: &[(Lease, Ending)]) -> Result<Vec<JobId>, DbError> {
    let (mut leases, mut run_ats, mut steps, mut metas) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (lease, ending) in endings {
        if let Ending::Again { run_at, step, meta } = ending {
            leases.push(lease);
            run_ats.push(*run_at);
            steps.push(*step);
            metas.push(meta.as_deref());
        }
    }
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    let keys = Keys::of(leases.into_iter());
    let statement =
        with_keys!(tx, "SELECT job_id FROM jobs.put_back($1, $2, $3, $4, $5, $6, $7) AS f (job_id)", keys)
            .bind::<Array<Nullable<Timestamptz>>, _>(run_ats)
            .bind::<Array<SmallInt>, _>(steps)
            .bind::<Array<Nullable<Text>>, _>(metas);
    Ok(tx.load::<Ended, _>(statement)?.into_iter().map(|ended| ended.job_id).collect())
}

fn bury(tx: &mut impl Query, endings: &[(Lease, Ending)]) -> Result<Vec<JobId>, DbError> {
    let (mut leases, mut reasons, mut errors, mut metas) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (lease, ending) in endings {
        if let Ending::Dead { reason, error, meta } = ending {
            leases.push(lease);
            reasons.push(*reason);
            errors.push(error.as_str());
            metas.push(meta.as_deref());
        }
    }
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    let keys = Keys::of(leases.into_iter());
    let statement =
        with_keys!(tx, "SELECT job_id FROM jobs.bury($1, $2, $3, $4, $5, $6, $7) AS f (job_id)", keys)
            .bind::<Array<Text>, _>(reasons)
            .bind::<Array<Text>, _>(errors)
            .bind::<Array<Nullable<Text>>, _>(metas);
    Ok(tx.load::<Ended, _>(statement)?.into_iter().map(|ended| ended.job_id).collect())
}

/// A lane that has something ready.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Backlog {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) tenant_id: TenantId,
    #[diesel(sql_type = Text)]
    pub(crate) queue: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) rank: i64,
    #[diesel(sql_type = Timestamptz)]
    pub(crate) ready_at: Timestamp,
    #[diesel(sql_type = Integer)]
    pub(crate) weight: i32,
    #[diesel(sql_type = Bool)]
    pub(crate) limited: bool,
}

/// The lanes that have something ready.
pub(crate) fn backlog(tx: &mut DispatchTx<'_>) -> Result<Vec<Backlog>, DbError> {
    tx.load(diesel::sql_query("SELECT * FROM jobs.backlog()"))
}

/// A lane to which jobs came that were elsewhere before.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Moved {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) tenant_id: TenantId,
    #[diesel(sql_type = Text)]
    pub(crate) queue: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) rank: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) count: i64,
}

/// Makes deferred jobs ready whose time has come.
pub(crate) fn promote(
    tx: &mut impl Query,
    at_most: i32,
    per_tenant: Option<i32>,
) -> Result<Vec<Moved>, DbError> {
    let statement = diesel::sql_query("SELECT * FROM jobs.promote($1, $2, $3, $4)")
        .bind::<Timestamptz, _>(tx.now())
        .bind::<Integer, _>(at_most)
        .bind::<Nullable<Integer>, _>(per_tenant)
        .bind::<BigInt, _>(HEAD_START);
    tx.load(statement)
}

/// When the next deferred job is due.
pub(crate) fn next_due(tx: &mut DispatchTx<'_>) -> Result<Option<Timestamp>, DbError> {
    #[derive(QueryableByName)]
    struct Next {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        at: Option<Timestamp>,
    }
    let next: Next = tx.get_result(diesel::sql_query("SELECT min(run_at) AS at FROM jobs.deferred"))?;
    Ok(next.at)
}

/// Takes back leases that were lost; without a silence those alone that no process holds.
pub(crate) fn rescue(
    tx: &mut impl Query,
    silence: Option<TimeDelta>,
    at_most: i32,
) -> Result<Vec<Moved>, DbError> {
    let statement = diesel::sql_query("SELECT * FROM jobs.rescue($1, $2, $3)")
        .bind::<Timestamptz, _>(tx.now())
        .bind::<Nullable<Interval>, _>(silence)
        .bind::<Integer, _>(at_most);
    tx.load(statement)
}

/// Says that this process is alive; answers whether its row had to be made (again).
pub(crate) fn beat(tx: &mut impl Query, process: ProcessId, name: &str) -> Result<bool, DbError> {
    #[derive(QueryableByName)]
    struct Beat {
        #[diesel(sql_type = Bool)]
        fresh: bool,
    }
    let statement = diesel::sql_query(
        "INSERT INTO jobs.processes AS p (process_id, name, started_at, beat_at) \
         VALUES ($1, $2, clock_timestamp(), clock_timestamp()) \
         ON CONFLICT (process_id) DO UPDATE SET beat_at = clock_timestamp() RETURNING xmax::text = '0' AS fresh",
    )
    .bind::<SqlUuid, _>(process.as_uuid())
    .bind::<Text, _>(name);
    Ok(tx.get_result::<Beat, _>(statement)?.fresh)
}

/// Takes this process's name off the list.
pub(crate) fn leave(tx: &mut DispatchTx<'_>, process: ProcessId) -> Result<(), DbError> {
    let statement = diesel::sql_query("DELETE FROM jobs.processes WHERE process_id = $1")
        .bind::<SqlUuid, _>(process.as_uuid());
    tx.execute(statement).map(drop)
}

/// Adds up what statements counted; answers how many rows that were.
pub(crate) fn fold(tx: &mut DispatchTx<'_>, at_most: i32) -> Result<i32, DbError> {
    #[derive(QueryableByName)]
    struct Folded {
        #[diesel(sql_type = Integer)]
        rows: i32,
    }
    let statement = diesel::sql_query("SELECT jobs.fold($1) AS rows").bind::<Integer, _>(at_most);
    Ok(tx.get_result::<Folded, _>(statement)?.rows)
}

/// Makes and drops day partitions.
pub(crate) fn rotate(tx: &mut DispatchTx<'_>, parent: &str, keep_days: i32) -> Result<(), DbError> {
    let statement = diesel::sql_query("SELECT jobs.rotate($1, $2, $3)")
        .bind::<Text, _>(parent)
        .bind::<Date, _>(tx.now().date_naive())
        .bind::<Integer, _>(keep_days);
    tx.execute(statement).map(drop)
}

/// Forgets unique keys that expired.
pub(crate) fn sweep(tx: &mut DispatchTx<'_>) -> Result<(), DbError> {
    let statement = diesel::sql_query("DELETE FROM jobs.unique_keys WHERE expires_at < $1");
    tx.execute(statement.bind::<Timestamptz, _>(tx.now())).map(drop)
}

/// Forgets cancellations of jobs that have ended: all processes read all of them each second. Dead ones lose
/// theirs when they live again.
pub(crate) fn forget(tx: &mut DispatchTx<'_>) -> Result<(), DbError> {
    let alive = ["leases", "deferred", "ready"].map(|table| {
        format!(
            "EXISTS (SELECT FROM jobs.{table} AS j WHERE j.tenant_id = c.tenant_id AND j.job_id = c.job_id)"
        )
    });
    let sql = format!("DELETE FROM jobs.cancellations AS c WHERE NOT ({})", alive.join(" OR "));
    tx.execute(diesel::sql_query(sql)).map(drop)
}
