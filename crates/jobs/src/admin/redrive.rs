//! Redrives: very many dead letters on their way back, in steps that a restart does not undo.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::page::{Page, PageRequest};
use veza_core::{DbError, DispatchTx, Permit, Query, TenantId, TenantScope, TenantTx, Timestamp, Write};

use crate::admin::dead::{BATCH, DeadFilter};
use crate::enqueue::CHANNEL;
use crate::error::Error;
use crate::id::RedriveId;
use crate::job::HEAD_START;
use crate::permission::{ManageJobs, ReadJobs};
use crate::pull;
use crate::queue::QueueName;

/// What to take back, how fast, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveRequest {
    /// Which dead letters. Those that die after the redrive began are not among them.
    pub filter: DeadFilter,
    /// So many jobs per minute, from 1 to 100000000; `None` is as fast as it goes.
    pub per_minute: Option<i32>,
    /// Another queue of the same sort instead of their own.
    pub to: Option<QueueName>,
}

/// What a redrive is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum RedriveState {
    /// It goes on.
    Running,
    /// All were looked at.
    Finished,
    /// Somebody ended it; what was moved stays moved.
    Cancelled,
}

/// A redrive as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Redrive {
    /// The redrive.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: RedriveId,
    /// The queue whose dead letters they are; those of the pull API begin with `pull:`.
    pub queue: String,
    /// Of this kind alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Dead for this reason alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The queue that they go to, when it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// So many jobs per minute at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<i32>,
    /// What it is up to.
    pub state: RedriveState,
    /// Jobs that it took back.
    pub moved: i64,
    /// Jobs that it left dead, because another has their unique key or somebody else took them back.
    pub skipped: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

/// Redrives of a tenant that go on at the same time.
const OPEN: i64 = 20;
const COLUMNS: &str = "redrive_id, queue::text AS queue, kind, reason, target::text AS target, per_minute, moved, \
                       skipped, cancelled, started_at, finished_at";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    redrive_id: RedriveId,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Nullable<Text>)]
    kind: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    target: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    per_minute: Option<i32>,
    #[diesel(sql_type = BigInt)]
    moved: i64,
    #[diesel(sql_type = BigInt)]
    skipped: i64,
    #[diesel(sql_type = Bool)]
    cancelled: bool,
    #[diesel(sql_type = Timestamptz)]
    started_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<Timestamp>,
}

impl From<Row> for Redrive {
    fn from(row: Row) -> Self {
        let state = match row.finished_at {
            None => RedriveState::Running,
            Some(_) if row.cancelled => RedriveState::Cancelled,
            Some(_) => RedriveState::Finished,
        };
        Self {
            id: row.redrive_id,
            queue: row.queue,
            kind: row.kind,
            reason: row.reason,
            to: row.target,
            per_minute: row.per_minute,
            state,
            moved: row.moved,
            skipped: row.skipped,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

impl RedriveRequest {
    fn check(&self) -> Result<(), Error> {
        self.filter.check()?;
        if self.per_minute.is_some_and(|rate| !(1..=100_000_000).contains(&rate)) {
            return Err(Error::field("/per_minute", "out_of_range", "a number from 1 to 100000000"));
        }
        // What a tenant sent must never come to a program's handlers, nor the other way.
        if self.to.as_ref().is_some_and(|to| to.is_pull() != self.filter.queue.is_pull()) {
            return Err(Error::field(
                "/to",
                "other_sort",
                "a queue of the same sort as the one they died in",
            ));
        }
        Ok(())
    }
}

/// Begins to take dead letters back, oldest death first. Runtimes do it, a step at a time.
///
/// # Errors
/// [`Error::Invalid`] for a request that breaks a rule, [`Error::RedriveLimit`] when twenty go on already.
pub fn redrive(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    request: &RedriveRequest,
) -> Result<Redrive, Error> {
    request.check()?;
    if open(tx)? >= OPEN {
        return Err(Error::RedriveLimit);
    }
    pull::keep(tx, &request.filter.queue, "/queue")?;
    if let Some(to) = &request.to {
        pull::keep(tx, to, "/to")?;
    }
    let (now, filter) = (tx.now(), &request.filter);
    let (passed_at, passed_job) = filter.begin();
    let id: RedriveId = tx.new_id();
    let insert = diesel::sql_query(format!(
        "INSERT INTO jobs.redrives (tenant_id, redrive_id, queue, kind, reason, died_until, target, per_minute, \
                                    started_at, due_at, passed_at, passed_job) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11) RETURNING {COLUMNS}"
    ));
    let insert = insert
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(filter.queue.as_str())
        .bind::<Nullable<Text>, _>(filter.kind.as_deref())
        .bind::<Nullable<Text>, _>(filter.reason.as_deref())
        .bind::<Timestamptz, _>(filter.until(now))
        .bind::<Nullable<Text>, _>(request.to.as_ref().map(QueueName::as_str))
        .bind::<Nullable<Integer>, _>(request.per_minute)
        .bind::<Timestamptz, _>(now)
        .bind::<Timestamptz, _>(passed_at)
        .bind::<SqlUuid, _>(passed_job);
    Ok(tx.get_result::<Row, _>(insert)?.into())
}

fn open(tx: &mut TenantTx<'_>) -> Result<i64, Error> {
    #[derive(QueryableByName)]
    struct Open {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let open =
        diesel::sql_query("SELECT count(*) FROM jobs.redrives WHERE tenant_id = $1 AND finished_at IS NULL");
    Ok(tx.get_result::<Open, _>(open.bind::<SqlUuid, _>(tx.tenant()))?.count)
}

/// One redrive of the tenant.
///
/// # Errors
/// [`Error::NotFound`] when there is none, or not of this tenant.
pub fn get_redrive(tx: &mut impl TenantScope, _: &Permit<ReadJobs>, id: RedriveId) -> Result<Redrive, Error> {
    let query = format!("SELECT {COLUMNS} FROM jobs.redrives WHERE tenant_id = $1 AND redrive_id = $2");
    let query = diesel::sql_query(query).bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id);
    Ok(tx.get_result::<Row, _>(query).map_err(Error::absent("redrive"))?.into())
}

/// The tenant's redrives of the last thirty days, latest first.
pub fn list_redrives(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    page: &PageRequest<RedriveId>,
) -> Result<Page<Redrive>, Error> {
    let tenant = tx.tenant();
    read_page(tx, tenant, page)
}

/// The same in any transaction that may see them.
pub(crate) fn read_page(
    tx: &mut impl Query,
    tenant: TenantId,
    page: &PageRequest<RedriveId>,
) -> Result<Page<Redrive>, Error> {
    let query = diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM jobs.redrives WHERE tenant_id = $1 AND ($2::uuid IS NULL OR redrive_id < $2) \
         ORDER BY redrive_id DESC LIMIT $3"
    ));
    let query = query
        .bind::<SqlUuid, _>(tenant)
        .bind::<Nullable<SqlUuid>, _>(page.after.map(RedriveId::as_uuid))
        .bind::<BigInt, _>(page.fetch());
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows, |row| row.redrive_id).map(Redrive::from))
}

/// Ends a redrive; what it moved stays moved. One that has ended stays as it is.
///
/// # Errors
/// [`Error::NotFound`] when there is none, or not of this tenant.
pub fn cancel_redrive(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    id: RedriveId,
) -> Result<Redrive, Error> {
    let update = diesel::sql_query(format!(
        "UPDATE jobs.redrives SET cancelled = cancelled OR finished_at IS NULL, finished_at = coalesce(finished_at, $3) \
         WHERE tenant_id = $1 AND redrive_id = $2 RETURNING {COLUMNS}"
    ));
    let update =
        update.bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id).bind::<Timestamptz, _>(tx.now());
    let redrive: Row = tx.get_result(update).map_err(Error::absent("redrive"))?;
    tx.signal(CHANNEL, redrive.queue.as_str(), i64::MAX);
    Ok(redrive.into())
}

/// A lane that a step of a redrive moved jobs to.
#[derive(Debug, QueryableByName)]
pub(crate) struct Stepped {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) tenant_id: TenantId,
    #[diesel(sql_type = Text)]
    pub(crate) queue: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) rank: Option<i64>,
    #[diesel(sql_type = BigInt)]
    pub(crate) count: i64,
}

/// One step of the redrive whose turn it is; `None` when nothing is due.
pub(crate) fn step(tx: &mut DispatchTx<'_>) -> Result<Option<Stepped>, DbError> {
    let statement = diesel::sql_query("SELECT * FROM jobs.step_redrive($1, $2, $3)")
        .bind::<Timestamptz, _>(tx.now())
        .bind::<BigInt, _>(HEAD_START)
        .bind::<Integer, _>(i32::try_from(BATCH).unwrap_or(i32::MAX));
    tx.find_result(statement)
}

/// Forgets redrives that ended long ago.
pub(crate) fn sweep(tx: &mut DispatchTx<'_>) -> Result<(), DbError> {
    let statement =
        diesel::sql_query("DELETE FROM jobs.redrives WHERE finished_at < $1 - interval '30 days'");
    tx.execute(statement.bind::<Timestamptz, _>(tx.now())).map(drop)
}
