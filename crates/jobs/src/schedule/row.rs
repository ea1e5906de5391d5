//! Schedules as they are in the database, and looking at them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    BigInt, Bool, Integer, Json, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope, Timestamp};

use super::job::ScheduledJob;
use super::missed::Missed;
use super::timing::Timing;
use crate::error::Error;
use crate::id::ScheduleId;
use crate::job::{Options, Priority};
use crate::permission::ReadJobs;
use crate::queue::QueueName;

/// A job that is enqueued again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Schedule {
    /// The schedule.
    #[serde(rename = "schedule_id")]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: ScheduleId,
    /// Its name, one in the tenant.
    pub name: String,
    /// The cron expression, unless it goes by an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The interval in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<i64>,
    /// The zone whose clocks the expression means.
    pub zone: String,
    /// What becomes of ticks that nobody was there for.
    pub missed: Missed,
    /// Where its jobs wait; queues of the pull API begin with `pull:`.
    pub queue: String,
    /// The kind of its jobs.
    pub kind: String,
    /// What is in them.
    pub payload: Value,
    /// It does not tick.
    pub paused: bool,
    /// The tick to come; none when there is none for decades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<DateTime<Utc>>,
    /// The last tick that was enqueued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<DateTime<Utc>>,
    /// Grows with each change; the ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

pub(super) const COLUMNS: &str = "schedule_id, name, cron, every_s, zone, missed, missed_max, queue, kind, payload, \
     priority, max_attempts, timeout_ms, keep, paused, anchor_at, next_at, last_at, version, created_at";

#[derive(QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = SqlUuid)]
    pub(super) schedule_id: ScheduleId,
    #[diesel(sql_type = Text)]
    pub(super) name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) cron: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    every_s: Option<i64>,
    #[diesel(sql_type = Text)]
    pub(super) zone: String,
    #[diesel(sql_type = Text)]
    missed: String,
    #[diesel(sql_type = SmallInt)]
    missed_max: i16,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Json)]
    payload: Value,
    #[diesel(sql_type = SmallInt)]
    priority: i16,
    #[diesel(sql_type = SmallInt)]
    max_attempts: i16,
    #[diesel(sql_type = Integer)]
    timeout_ms: i32,
    #[diesel(sql_type = Bool)]
    keep: bool,
    #[diesel(sql_type = Bool)]
    pub(super) paused: bool,
    #[diesel(sql_type = Timestamptz)]
    anchor_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(super) next_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_at: Option<Timestamp>,
    #[diesel(sql_type = BigInt)]
    pub(super) version: i64,
    #[diesel(sql_type = Timestamptz)]
    created_at: Timestamp,
}

impl Row {
    pub(super) fn timing(&self) -> Result<Timing, Error> {
        match (&self.cron, self.every_s) {
            (Some(cron), _) => Timing::cron(cron, &self.zone),
            (None, every) => {
                let seconds = every.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
                Timing::every(Duration::from_secs(seconds), self.anchor_at)
            }
        }
    }

    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    pub(super) fn missed(&self) -> Missed {
        Missed::stored(&self.missed, self.missed_max)
    }

    pub(super) fn job(&self) -> ScheduledJob {
        let attempts = u16::try_from(self.max_attempts).unwrap_or(1);
        let timeout = Duration::from_millis(u64::try_from(self.timeout_ms).unwrap_or(1));
        let priority = Priority::new(i8::try_from(self.priority).unwrap_or(0));
        let options = Options { keep: self.keep, ..Options::default().timeout(timeout).priority(priority) };
        ScheduledJob {
            queue: QueueName::stored(self.queue.clone()),
            kind: self.kind.clone(),
            payload: self.payload.clone(),
            options,
            attempts,
        }
    }
}

impl From<Row> for Schedule {
    fn from(row: Row) -> Self {
        Self {
            missed: row.missed(),
            id: row.schedule_id,
            name: row.name,
            cron: row.cron,
            every_seconds: row.every_s,
            zone: row.zone,
            queue: row.queue,
            kind: row.kind,
            payload: row.payload,
            paused: row.paused,
            next_at: row.next_at.filter(|_| !row.paused),
            last_at: row.last_at,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

/// One schedule.
pub fn schedule(tx: &mut impl TenantScope, _: &Permit<ReadJobs>, id: ScheduleId) -> Result<Schedule, Error> {
    find(tx, id, "").map(Schedule::from)
}

pub(super) fn find(tx: &mut impl TenantScope, id: ScheduleId, lock: &'static str) -> Result<Row, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM jobs.schedules WHERE tenant_id = $1 AND schedule_id = $2 {lock}");
    let query = diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id);
    tx.get_result(query).map_err(Error::absent("schedule"))
}

/// Schedules, oldest first.
pub fn schedules(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    page: &PageRequest<ScheduleId>,
) -> Result<Page<Schedule>, Error> {
    let query = diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM jobs.schedules WHERE tenant_id = $1 AND ($2 IS NULL OR schedule_id > $2) \
         ORDER BY schedule_id LIMIT $3"
    ))
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Nullable<SqlUuid>, _>(page.after)
    .bind::<BigInt, _>(page.fetch());
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Schedule::from).collect(), |schedule| schedule.id))
}
