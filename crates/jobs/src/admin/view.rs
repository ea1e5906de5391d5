//! Jobs as people see them.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Json, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::{Permit, Query, TenantId, TenantScope, Timestamp};

use crate::error::Error;
use crate::id::JobId;
use crate::permission::ReadJobs;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum JobState {
    /// It may run now.
    Waiting,
    /// It may run later: delayed, put off, or between two attempts.
    Deferred,
    /// Somebody works on it.
    Running,
    /// It did what it should, and asked to be kept.
    Done,
    /// It was given up, and asked to be kept.
    Cancelled,
    /// It is a dead letter.
    Dead,
}

impl JobState {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Deferred, Self::Running, Self::Done, Self::Cancelled, Self::Dead];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Deferred => "deferred",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl std::fmt::Display for JobState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One failure in a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Failure {
    /// Which attempt failed, from 1.
    pub attempt: i16,
    /// When.
    pub at: DateTime<Utc>,
    /// What it said.
    pub error: String,
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct JobView {
    /// The job.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: JobId,
    /// Its queue; those of the pull API begin with `pull:`.
    pub queue: String,
    /// What kind of work it is.
    pub kind: String,
    /// Where it is.
    pub state: JobState,
    /// From -9 to 9; not known once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// Attempts begun.
    pub attempt: i16,
    /// Attempts in all; not known once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<i16>,
    /// When it was enqueued.
    pub enqueued_at: DateTime<Utc>,
    /// Since when it may run, or from when on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<DateTime<Utc>>,
    /// When the last attempt began, while it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<DateTime<Utc>>,
    /// When it ended or died.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it is dead: `failed`, `fatal`, `lost` or `rejected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the last attempt of a dead job said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The last failures, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "http", schema(required = false))]
    pub errors: Vec<Failure>,
    /// How far it says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Value>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What it was given; only when one job is asked for, and not once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// A job of any table. `at` is the time in the order of its list.
#[derive(Debug, QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) job_id: JobId,
    #[diesel(sql_type = Text)]
    pub(crate) queue: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) rank: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<SmallInt>)]
    priority: Option<i16>,
    #[diesel(sql_type = SmallInt)]
    attempt: i16,
    #[diesel(sql_type = Nullable<SmallInt>)]
    max_attempts: Option<i16>,
    #[diesel(sql_type = Timestamptz)]
    enqueued_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(crate) run_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    claimed_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(crate) finished_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    error: Option<String>,
    #[diesel(sql_type = Nullable<Json>)]
    meta: Option<Value>,
    #[diesel(sql_type = Nullable<Json>)]
    progress: Option<Value>,
    #[diesel(sql_type = Nullable<Json>)]
    result: Option<Value>,
    #[diesel(sql_type = Nullable<Json>)]
    payload: Option<Value>,
}

impl From<Row> for JobView {
    fn from(row: Row) -> Self {
        let errors = row.meta.and_then(|mut meta| meta.get_mut("errors").map(Value::take));
        Self {
            id: row.job_id,
            queue: row.queue,
            kind: row.kind,
            state: JobState::parse(&row.state).unwrap_or(JobState::Done),
            priority: row.priority,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            enqueued_at: row.enqueued_at,
            run_at: row.run_at,
            claimed_at: row.claimed_at,
            finished_at: row.finished_at,
            reason: row.reason,
            error: row.error,
            errors: errors.and_then(|errors| serde_json::from_value(errors).ok()).unwrap_or_default(),
            progress: row.progress,
            result: row.result,
            payload: row.payload,
        }
    }
}

/// A table of jobs, and its rows as [`Row`] has them.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static str,
}

const READY: Table = Table {
    name: "jobs.ready",
    columns: "job_id, queue::text AS queue, rank, kind, 'waiting' AS state, priority, attempt, max_attempts, \
              enqueued_at, ready_at AS run_at, NULL::timestamptz AS claimed_at, NULL::timestamptz AS finished_at, \
              NULL AS reason, NULL AS error, meta, NULL::json AS progress, NULL::json AS result",
};
const DEFERRED: Table = Table {
    name: "jobs.deferred",
    columns: "job_id, queue::text AS queue, rank, kind, 'deferred' AS state, priority, attempt, max_attempts, \
              enqueued_at, run_at, NULL::timestamptz AS claimed_at, NULL::timestamptz AS finished_at, \
              NULL AS reason, NULL AS error, meta, NULL::json AS progress, NULL::json AS result",
};
const LEASES: Table = Table {
    name: "jobs.leases",
    columns: "job_id, queue::text AS queue, rank, kind, 'running' AS state, priority, attempt, max_attempts, \
              enqueued_at, ready_at AS run_at, claimed_at, NULL::timestamptz AS finished_at, \
              NULL AS reason, NULL AS error, meta, progress, NULL::json AS result",
};
const DEAD: Table = Table {
    name: "jobs.dead",
    columns: "job_id, queue::text AS queue, rank, kind, 'dead' AS state, priority, attempt, max_attempts, \
              enqueued_at, NULL::timestamptz AS run_at, NULL::timestamptz AS claimed_at, died_at AS finished_at, \
              reason, error, meta, NULL::json AS progress, NULL::json AS result",
};
const DONE: Table = Table {
    name: "jobs.done",
    columns: "job_id, queue::text AS queue, 0::bigint AS rank, kind, state, NULL::smallint AS priority, attempt, \
              NULL::smallint AS max_attempts, enqueued_at, NULL::timestamptz AS run_at, claimed_at, finished_at, \
              NULL AS reason, NULL AS error, NULL::json AS meta, NULL::json AS progress, result",
};

impl JobState {
    /// The table whose rows are in this state, or in this one and another.
    pub(crate) const fn table(self) -> Table {
        match self {
            Self::Waiting => READY,
            Self::Deferred => DEFERRED,
            Self::Running => LEASES,
            Self::Done | Self::Cancelled => DONE,
            Self::Dead => DEAD,
        }
    }

    /// Whether all rows of the table are in this state.
    pub(crate) const fn has_table(self) -> bool {
        !matches!(self, Self::Done | Self::Cancelled)
    }
}

/// One job of the tenant, wherever it is, with its payload.
///
/// # Errors
/// [`Error::NotFound`] when it has ended without being kept, and when it is not the tenant's.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadJobs>, id: JobId) -> Result<JobView, Error> {
    let tenant = tx.tenant();
    read(tx, tenant, id)?.ok_or(Error::NotFound("job"))
}

/// The same in any transaction that may see it.
pub(crate) fn read(tx: &mut impl Query, tenant: TenantId, id: JobId) -> Result<Option<JobView>, Error> {
    let parts = [READY, DEFERRED, LEASES, DEAD, DONE].map(|table| {
        let payload = if table.name == DONE.name { "NULL::json" } else { "payload" };
        let Table { name, columns } = table;
        format!("SELECT {columns}, {payload} AS payload FROM {name} WHERE tenant_id = $1 AND job_id = $2")
    });
    let statement = diesel::sql_query(format!("{} LIMIT 1", parts.join(" UNION ALL ")));
    let row = statement.bind::<SqlUuid, _>(tenant).bind::<SqlUuid, _>(id);
    Ok(tx.find_result::<Row, _>(row)?.map(JobView::from))
}
