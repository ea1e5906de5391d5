//! Making, changing and removing schedules.

use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{
    BigInt, Bool, Integer, Json, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use super::job::ScheduledJob;
use super::missed::Missed;
use super::row::{COLUMNS, Row, Schedule, find};
use super::timing::Timing;
use crate::enqueue::{Enqueued, insert};
use crate::error::Error;
use crate::id::ScheduleId;
use crate::limit::within;
use crate::permission::ManageJobs;

/// Schedules of one tenant.
pub const MAX_SCHEDULES: i64 = 1_000;

/// What makes a schedule, or takes the place of what one was.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct NewSchedule {
    pub(super) name: String,
    pub(super) timing: Timing,
    pub(super) job: ScheduledJob,
    pub(super) missed: Missed,
    pub(super) paused: bool,
}

impl NewSchedule {
    /// A schedule with the name `name`, which no other one of the tenant may have: 1 to 200 characters.
    pub fn new(name: impl Into<String>, timing: Timing, job: ScheduledJob) -> Self {
        Self { name: name.into(), timing, job, missed: Missed::default(), paused: false }
    }

    /// What becomes of ticks that nobody was there for; [`Missed::One`] unless said.
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// It does not tick yet.
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    fn check(&self) -> Result<(), Error> {
        self.missed.check()?;
        let readable = !self.name.trim().is_empty() && !self.name.chars().any(char::is_control);
        if readable && self.name.chars().count() <= 200 {
            Ok(())
        } else {
            Err(Error::field("/name", "name", "1 to 200 characters, none of them control characters"))
        }
    }

    /// Binds everything that a schedule is, as $1 to $18.
    fn bind<'q>(
        &'q self,
        tx: &mut TenantTx<'_>,
        id: ScheduleId,
        sql: String,
    ) -> Result<BoxedSqlQuery<'q, diesel::pg::Pg, SqlQuery>, Error> {
        self.check()?;
        let job = self.job.check(tx)?;
        let (cron, zone, every, anchor) = self.timing.columns();
        let (missed, missed_max) = self.missed.columns();
        let next = self.timing.next(tx.now());
        Ok(diesel::sql_query(sql)
            .into_boxed()
            .bind::<SqlUuid, _>(tx.tenant())
            .bind::<SqlUuid, _>(id)
            .bind::<Text, _>(self.name.trim())
            .bind::<Nullable<Text>, _>(cron)
            .bind::<Nullable<BigInt>, _>(every)
            .bind::<Text, _>(zone)
            .bind::<Text, _>(missed)
            .bind::<SmallInt, _>(missed_max)
            .bind::<Text, _>(self.job.queue.as_str())
            .bind::<Text, _>(&self.job.kind)
            .bind::<Json, _>(&self.job.payload)
            .bind::<SmallInt, _>(job.priority)
            .bind::<SmallInt, _>(job.attempts)
            .bind::<Integer, _>(job.timeout_ms)
            .bind::<Bool, _>(job.keep)
            .bind::<Bool, _>(self.paused)
            .bind::<Timestamptz, _>(anchor.unwrap_or(tx.now()))
            .bind::<Nullable<Timestamptz>, _>(next))
    }
}

/// Makes a schedule. Its first tick is the first after now.
///
/// # Errors
/// [`Error::Invalid`] for what breaks a rule: also for a message to a pull queue that does not exist.
/// [`Error::NameTaken`], [`Error::LimitReached`].
pub fn create_schedule(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    new: &NewSchedule,
) -> Result<Schedule, Error> {
    tx.one_at_a_time("jobs.schedules")?;
    let count =
        "SELECT count(*) AS count FROM (SELECT FROM jobs.schedules WHERE tenant_id = $1 LIMIT 1000) AS s";
    within(tx, diesel::sql_query(count).bind::<SqlUuid, _>(tx.tenant()), "schedule", MAX_SCHEDULES)?;
    let sql = format!(
        "INSERT INTO jobs.schedules (tenant_id, schedule_id, name, cron, every_s, zone, missed, missed_max, queue, kind, \
         payload, priority, max_attempts, timeout_ms, keep, paused, anchor_at, next_at, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 1, $19) \
         ON CONFLICT (tenant_id, name) DO NOTHING RETURNING {COLUMNS}"
    );
    let id = tx.new_id();
    let insert = new.bind(tx, id, sql)?.bind::<Timestamptz, _>(tx.now());
    let row: Option<Row> = tx.find_result(insert)?;
    row.map(Schedule::from).ok_or(Error::NameTaken("schedule"))
}

/// Makes a schedule anew; it keeps its id and its last tick, and its next one is the first after now.
///
/// # Errors
/// [`Error::VersionMismatch`] when `versions` are given and its version is none of them; those of
/// [`create_schedule`].
pub fn update_schedule(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    id: ScheduleId,
    versions: Option<&[i64]>,
    new: &NewSchedule,
) -> Result<Schedule, Error> {
    changeable(tx, id, versions)?;
    let sql = format!(
        "UPDATE jobs.schedules SET name = $3, cron = $4, every_s = $5, zone = $6, missed = $7, missed_max = $8, \
         queue = $9, kind = $10, payload = $11, priority = $12, max_attempts = $13, timeout_ms = $14, keep = $15, \
         paused = $16, anchor_at = $17, next_at = $18, version = version + 1 \
         WHERE tenant_id = $1 AND schedule_id = $2 RETURNING {COLUMNS}"
    );
    let update = new.bind(tx, id, sql)?;
    let taken =
        |error| Error::Db(error).on_constraint("schedules_tenant_id_name_key", Error::NameTaken("schedule"));
    tx.get_result::<Row, _>(update).map(Schedule::from).map_err(taken)
}

/// Lets a schedule tick no more, or again: from the first tick after now, since what was not wanted is not
/// missed.
pub fn pause_schedule(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    id: ScheduleId,
    paused: bool,
) -> Result<Schedule, Error> {
    let before = find(tx, id, "FOR UPDATE")?;
    let next = before.timing()?.next(tx.now());
    let update = diesel::sql_query(format!(
        "UPDATE jobs.schedules SET next_at = CASE WHEN paused AND NOT $3 THEN $4 ELSE next_at END, paused = $3, \
         version = version + 1 WHERE tenant_id = $1 AND schedule_id = $2 RETURNING {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(id)
    .bind::<Bool, _>(paused)
    .bind::<Nullable<Timestamptz>, _>(next);
    tx.get_result::<Row, _>(update).map(Schedule::from).map_err(Error::absent("schedule"))
}

/// Enqueues the job of a schedule now, besides its ticks, also when it is paused.
pub fn run_now(tx: &mut TenantTx<'_>, _: &Permit<ManageJobs>, id: ScheduleId) -> Result<Enqueued, Error> {
    let job = find(tx, id, "")?.job().now(tx, id, None)?;
    insert(tx, vec![job])?.pop().ok_or(Error::NotFound("schedule"))
}

/// Removes a schedule. Jobs that are in queues stay there.
///
/// # Errors
/// [`Error::VersionMismatch`] when `versions` are given and its version is none of them.
pub fn remove_schedule(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    id: ScheduleId,
    versions: Option<&[i64]>,
) -> Result<(), Error> {
    changeable(tx, id, versions)?;
    let delete = diesel::sql_query("DELETE FROM jobs.schedules WHERE tenant_id = $1 AND schedule_id = $2")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(id);
    tx.execute(delete)?;
    Ok(())
}

/// Locks a schedule for a change, when it has one of the versions.
pub(super) fn changeable(
    tx: &mut TenantTx<'_>,
    id: ScheduleId,
    versions: Option<&[i64]>,
) -> Result<Row, Error> {
    let before = find(tx, id, "FOR UPDATE")?;
    if versions.is_some_and(|versions| !versions.contains(&before.version)) {
        return Err(Error::VersionMismatch);
    }
    Ok(before)
}
