//! Enqueueing: in the caller's own transaction, so that a job exists exactly when the rest does.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use serde_json::{Map, Value};
use uuid::Uuid;
use veza_core::{Query, TenantId, TenantScope, TenantTx, Timestamp, Write};

use crate::error::Error;
use crate::id::JobId;
use crate::job::{Job, Options, Start};
use crate::queue::QueueName;

/// The largest payload, in bytes: as much as an SQS message may have.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// Of its notes, where in a trace it was enqueued.
pub(crate) const TRACE: &str = "trace";

/// What runtimes listen to.
pub(crate) const CHANNEL: &str = "jobs";

/// What enqueueing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The job.
    pub id: JobId,
    /// It was there before, by its unique key, and nothing was added.
    pub existing: bool,
}

/// Enqueues a job, to exist when `tx` is committed and not otherwise.
///
/// # Errors
/// [`Error::TooLarge`] and [`Error::Unserializable`] for what cannot be stored, [`Error::QueueName`],
/// [`Error::Invalid`] for options that break a rule; the transaction can go on after those.
pub fn enqueue<J: Job>(tx: &mut TenantTx<'_>, job: &J) -> Result<Enqueued, Error> {
    enqueue_with(tx, job, job.options())
}

/// The same with other options than the job's own.
pub fn enqueue_with<J: Job>(tx: &mut TenantTx<'_>, job: &J, options: Options) -> Result<Enqueued, Error> {
    let new = NewJob::of(tx, job, options)?;
    insert(tx, vec![new])?.pop().ok_or(Error::NotFound("job"))
}

/// Enqueues many jobs in one round trip, in their order. Either all are accepted or none is.
pub fn enqueue_many<'j, J: Job>(
    tx: &mut TenantTx<'_>,
    jobs: impl IntoIterator<Item = &'j J>,
) -> Result<Vec<Enqueued>, Error> {
    let new: Result<Vec<_>, _> = jobs.into_iter().map(|job| NewJob::of(tx, job, job.options())).collect();
    insert(tx, new?)
}

/// A job on its way into the database.
#[derive(Debug)]
pub(crate) struct NewJob {
    pub(crate) id: JobId,
    pub(crate) queue: QueueName,
    pub(crate) kind: String,
    pub(crate) payload: String,
    pub(crate) priority: i16,
    pub(crate) rank: i64,
    pub(crate) due: Timestamp,
    pub(crate) attempts: i16,
    pub(crate) timeout_ms: i32,
    pub(crate) keep: bool,
    pub(crate) unique: Option<(String, Option<Timestamp>)>,
    /// What goes with it beside its payload.
    pub(crate) meta: Map<String, Value>,
}

impl NewJob {
    pub(crate) fn of<J: Job>(tx: &TenantTx<'_>, job: &J, options: Options) -> Result<Self, Error> {
        let payload = serde_json::to_string(job)
            .map_err(|error| Error::Unserializable { kind: J::KIND, error: error.to_string() })?;
        let queue = QueueName::new(options.queue.clone().unwrap_or(J::QUEUE.into()))?;
        Self::new(tx, queue, J::KIND, payload, &options, J::RETRY.attempts)
    }

    /// A job of any kind.
    pub(crate) fn new(
        tx: &impl Query,
        queue: QueueName,
        kind: &str,
        payload: String,
        options: &Options,
        attempts: u16,
    ) -> Result<Self, Error> {
        if payload.len() > MAX_PAYLOAD {
            return Err(Error::TooLarge { size: payload.len(), max: MAX_PAYLOAD, fields: Vec::new() });
        }
        let now = tx.now();
        let due = match options.start {
            Start::Now => now,
            Start::At(moment) => moment.max(now),
            Start::After(delay) => TimeDelta::from_std(delay)
                .ok()
                .and_then(|delay| now.checked_add_signed(delay))
                .ok_or_else(|| Error::field("/delay", "out_of_range", "a time that a calendar has"))?,
        };
        let attempts = i16::try_from(options.attempts.unwrap_or(attempts).max(1)).unwrap_or(i16::MAX);
        Ok(Self {
            id: tx.new_id(),
            queue,
            kind: kind.to_owned(),
            payload,
            priority: i16::from(options.priority.level()),
            rank: options.priority.rank(due),
            due,
            attempts,
            timeout_ms: timeout(options)?,
            keep: options.keep,
            unique: unique(kind, options, now)?,
            meta: tx.trace().map(|trace| (TRACE.to_owned(), trace.into())).into_iter().collect(),
        })
    }

    /// Its notes as the database has them.
    fn notes(&self) -> Option<String> {
        (!self.meta.is_empty()).then(|| Value::Object(self.meta.clone()).to_string())
    }
}

pub(crate) fn timeout(options: &Options) -> Result<i32, Error> {
    let milliseconds = options.timeout.unwrap_or(Options::TIMEOUT).as_millis();
    i32::try_from(milliseconds)
        .ok()
        .filter(|milliseconds| (1..=86_400_000).contains(milliseconds))
        .ok_or_else(|| Error::field("/timeout", "out_of_range", "from a millisecond to a day"))
}

fn unique(
    kind: &str,
    options: &Options,
    now: Timestamp,
) -> Result<Option<(String, Option<Timestamp>)>, Error> {
    let Some(unique) = &options.unique else { return Ok(None) };
    let key = format!("{kind}:{}", unique.key);
    if unique.key.is_empty() || key.len() > 600 {
        return Err(Error::field("/unique", "length", "1 to 600 bytes, the job's kind included"));
    }
    let end = |period| TimeDelta::from_std(period).ok().and_then(|period| now.checked_add_signed(period));
    let beyond = || Error::field("/unique", "out_of_range", "a period that ends while a calendar does not");
    let until = unique.period.map(|period| end(period).ok_or_else(beyond)).transpose()?;
    Ok(Some((key, until)))
}

/// Stores jobs, all of one tenant, and tells this process's runtimes once they are committed.
pub(crate) fn insert(tx: &mut TenantTx<'_>, mut jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
    // The order of a batch is the order of its jobs.
    for (job, place) in jobs.iter_mut().zip(0_i64..) {
        job.rank += place;
    }
    let mut outcome: Vec<Enqueued> =
        jobs.iter().map(|job| Enqueued { id: job.id, existing: false }).collect();
    if jobs.iter().any(|job| job.unique.is_some()) {
        let holders = reserve(tx, &jobs)?;
        for (enqueued, job) in outcome.iter_mut().zip(&jobs) {
            if let Some(holder) = job.unique.as_ref().and_then(|(key, _)| holders.get(key)) {
                *enqueued = Enqueued { id: *holder, existing: *holder != job.id };
            }
        }
        jobs.retain(|job| job.unique.as_ref().is_none_or(|(key, _)| holders.get(key) == Some(&job.id)));
    }
    if !jobs.is_empty() {
        let tenant = tx.tenant();
        store(tx, tenant, &jobs)?;
        announce(tx, &jobs);
    }
    Ok(outcome)
}

fn announce(tx: &mut TenantTx<'_>, jobs: &[NewJob]) {
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    let now = tx.now();
    for job in jobs {
        // One that waits for its time is looked at when that comes.
        let position = if job.due > now { i64::MAX } else { job.rank };
        first.entry(job.queue.as_str()).and_modify(|least| *least = position.min(*least)).or_insert(position);
    }
    for (queue, position) in first {
        tx.signal(CHANNEL, queue, position);
    }
}

#[derive(QueryableByName)]
struct Holder {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = SqlUuid)]
    job_id: JobId,
}

/// Takes the unique keys, or finds who has them. Keys are taken in their order, so that two batches
/// never wait for each other.
fn reserve(tx: &mut TenantTx<'_>, jobs: &[NewJob]) -> Result<HashMap<String, JobId>, Error> {
    let mut wanted: BTreeMap<&str, (Uuid, Option<Timestamp>)> = BTreeMap::new();
    for job in jobs {
        if let Some((key, until)) = &job.unique {
            wanted.entry(key).or_insert((job.id.as_uuid(), *until));
        }
    }
    let keys: Vec<&str> = wanted.keys().copied().collect();
    let (ids, untils): (Vec<_>, Vec<_>) = wanted.values().copied().unzip();
    let take = diesel::sql_query(
        "INSERT INTO jobs.unique_keys AS u (tenant_id, key, job_id, expires_at) \
         SELECT $1, n.key, n.job_id, n.until FROM unnest($2, $3, $4) AS n (key, job_id, until) ORDER BY n.key \
         ON CONFLICT (tenant_id, key) DO UPDATE SET job_id = excluded.job_id, expires_at = excluded.expires_at \
         WHERE u.expires_at <= $5 RETURNING key, job_id",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Array<Text>, _>(&keys)
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Nullable<Timestamptz>>, _>(untils)
    .bind::<Timestamptz, _>(tx.now());
    let taken: Vec<Holder> = tx.load(take)?;
    let mut holders: HashMap<String, JobId> = taken.into_iter().map(|h| (h.key, h.job_id)).collect();
    if holders.len() < keys.len() {
        // A statement of its own: its snapshot has what the first one waited for.
        let others = diesel::sql_query(
            "SELECT key, job_id FROM jobs.unique_keys WHERE tenant_id = $1 AND key = ANY ($2)",
        )
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Array<Text>, _>(&keys);
        for holder in tx.load::<Holder, _>(others)? {
            holders.entry(holder.key).or_insert(holder.job_id);
        }
    }
    Ok(holders)
}

/// Stores jobs of one tenant, whoever does it, and tells nobody.
pub(crate) fn store(tx: &mut impl Write, tenant: TenantId, jobs: &[NewJob]) -> Result<(), Error> {
    let column = |f: fn(&NewJob) -> &str| jobs.iter().map(f).collect::<Vec<&str>>();
    let keys: Vec<Option<&str>> =
        jobs.iter().map(|job| job.unique.as_ref().map(|(key, _)| key.as_str())).collect();
    let statement =
        diesel::sql_query("SELECT jobs.enqueue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)")
            .bind::<SqlUuid, _>(tenant)
            .bind::<Timestamptz, _>(tx.now())
            .bind::<Array<SqlUuid>, _>(jobs.iter().map(|job| job.id.as_uuid()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(column(|job| job.queue.as_str()))
            .bind::<Array<Text>, _>(column(|job| &job.kind))
            .bind::<Array<Text>, _>(column(|job| &job.payload))
            .bind::<Array<SmallInt>, _>(jobs.iter().map(|job| job.priority).collect::<Vec<_>>())
            .bind::<Array<BigInt>, _>(jobs.iter().map(|job| job.rank).collect::<Vec<_>>())
            .bind::<Array<Timestamptz>, _>(jobs.iter().map(|job| job.due).collect::<Vec<_>>())
            .bind::<Array<SmallInt>, _>(jobs.iter().map(|job| job.attempts).collect::<Vec<_>>())
            .bind::<Array<Integer>, _>(jobs.iter().map(|job| job.timeout_ms).collect::<Vec<_>>())
            .bind::<Array<Bool>, _>(jobs.iter().map(|job| job.keep).collect::<Vec<_>>())
            .bind::<Array<Nullable<Text>>, _>(keys)
            .bind::<Array<Nullable<Text>>, _>(jobs.iter().map(NewJob::notes).collect::<Vec<_>>());
    tx.execute(statement)?;
    Ok(())
}
