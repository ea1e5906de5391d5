//! Lists of jobs, page by page, each out of one table and along one index.

use chrono::DateTime;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantId, TenantScope, Timestamp};

use crate::admin::view::{JobState, JobView, Row, Table};
use crate::error::Error;
use crate::permission::ReadJobs;
use crate::queue::QueueName;

/// What to list. The state decides the order: what waits comes in the order in which it runs, queue by
/// queue; what is deferred by its time; what runs by age; what has ended or died with the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFilter {
    /// Where they are.
    pub state: JobState,
    /// In this queue alone.
    pub queue: Option<QueueName>,
    /// Of this kind alone.
    pub kind: Option<String>,
}

/// Where in a list a page ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPosition(String, i64, i64, Uuid);

/// Rows that one page looks at when it leaves some out: a list of few among very many comes in short
/// pages rather than late.
const LOOKED_AT: i64 = 5_000;

/// Jobs of the tenant, without payloads. A page may be short, even empty, and have a next one.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    filter: &JobFilter,
    page: &PageRequest<JobPosition>,
) -> Result<Page<JobView>, Error> {
    let tenant = tx.tenant();
    read(tx, tenant, filter, page)
}

/// The same in any transaction that may see them.
pub(crate) fn read(
    tx: &mut impl Query,
    tenant: TenantId,
    filter: &JobFilter,
    page: &PageRequest<JobPosition>,
) -> Result<Page<JobView>, Error> {
    let order = Order::of(filter);
    let Table { columns, .. } = filter.state.table();
    let inner = order.rows(filter, page.after.is_some());
    let queue = if order.by_queue { "" } else { " AND ($2::text IS NULL OR j.queue = $2)" };
    let state = if filter.state.has_table() { "" } else { " AND j.state = $9" };
    let sql = format!(
        "SELECT {columns}, NULL::json AS payload FROM ({inner} LIMIT {LOOKED_AT}) AS j \
         WHERE ($3::text IS NULL OR j.kind = $3){queue}{state} ORDER BY {} LIMIT $8",
        order.by
    );
    let rows: Vec<Row> = load(tx, sql, tenant, filter, page)?;
    let whole = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= page.fetch();
    if whole {
        let state = filter.state;
        return Ok(Page::new(page, rows, |row| JobPosition::of(row, state)).map(JobView::from));
    }
    // Fewer than asked for: is that all, or all among those that were looked at?
    let last = LOOKED_AT - 1;
    let sql = format!("SELECT {columns}, NULL::json AS payload FROM ({inner} OFFSET {last} LIMIT 1) AS j");
    let seen: Vec<Row> = load(tx, sql, tenant, filter, page)?;
    let next = seen.first().map(|row| JobPosition::of(row, filter.state));
    Ok(Page::partial(rows.into_iter().map(JobView::from).collect(), next))
}

fn load<R>(
    tx: &mut impl Query,
    sql: String,
    tenant: TenantId,
    filter: &JobFilter,
    page: &PageRequest<JobPosition>,
) -> Result<Vec<R>, Error>
where
    R: QueryableByName<diesel::pg::Pg> + Send + 'static,
{
    let JobPosition(queue, rank, at, job) =
        page.after.clone().unwrap_or_else(|| JobPosition(String::new(), 0, 0, Uuid::nil()));
    // A cursor is whatever a client sends; PostgreSQL has fewer years than a calendar.
    let at: Timestamp = DateTime::from_timestamp_micros(at).unwrap_or_default().max(DateTime::UNIX_EPOCH);
    let statement = diesel::sql_query(sql)
        .bind::<SqlUuid, _>(tenant)
        .bind::<Nullable<Text>, _>(filter.queue.as_ref().map(|queue| queue.as_str().to_owned()))
        .bind::<Nullable<Text>, _>(filter.kind.clone())
        .bind::<Text, _>(queue)
        .bind::<BigInt, _>(rank)
        .bind::<Timestamptz, _>(at)
        .bind::<SqlUuid, _>(job)
        .bind::<BigInt, _>(page.fetch())
        .bind::<Text, _>(filter.state.as_str());
    Ok(tx.load(statement)?)
}

impl JobPosition {
    fn of(row: &Row, state: JobState) -> Self {
        let at = if state == JobState::Deferred { row.run_at } else { row.finished_at };
        let at = at.map_or(0, |at| at.timestamp_micros());
        Self(row.queue.clone(), row.rank, at, row.job_id.as_uuid())
    }
}

/// The order of a list: that of the index that it is read along.
struct Order {
    by: &'static str,
    /// What comes after the position.
    after: &'static str,
    /// The index knows the queue.
    by_queue: bool,
}

impl Order {
    fn of(filter: &JobFilter) -> Self {
        let (by, after, by_queue) = match (filter.state, &filter.queue) {
            (JobState::Waiting, Some(_)) => ("j.rank, j.job_id", "(j.rank, j.job_id) > ($5, $7)", true),
            (JobState::Waiting, None) => {
                ("j.queue, j.rank, j.job_id", "(j.queue, j.rank, j.job_id) > ($4, $5, $7)", false)
            }
            (JobState::Deferred, _) => ("j.run_at, j.job_id", "(j.run_at, j.job_id) > ($6, $7)", false),
            (JobState::Running, _) => ("j.job_id", "j.job_id > $7", false),
            (JobState::Dead, Some(_)) => {
                ("j.died_at DESC, j.job_id DESC", "(j.died_at, j.job_id) < ($6, $7)", true)
            }
            (JobState::Dead, None) | (JobState::Done | JobState::Cancelled, _) => {
                ("j.job_id DESC", "j.job_id < $7", false)
            }
        };
        Self { by, after, by_queue }
    }

    /// The rows of the tenant, in order, from the position on.
    fn rows(&self, filter: &JobFilter, goes_on: bool) -> String {
        let queue = if self.by_queue { " AND j.queue = $2" } else { "" };
        let after = if goes_on { format!(" AND {}", self.after) } else { String::new() };
        let Table { name, .. } = filter.state.table();
        format!("SELECT * FROM {name} AS j WHERE j.tenant_id = $1{queue}{after} ORDER BY {}", self.by)
    }
}
