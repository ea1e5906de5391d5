//! What the operator of the deployment sees: the jobs of all tenants. Changes are made inside one tenant,
//! with the functions that the tenant itself has.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use serde::Serialize;
use veza_core::page::{Page, PageRequest};
use veza_core::{DispatchTx, Query, TenantId, Timestamp};

use crate::admin::count::{COLUMNS, QueueCounts, SUMS};
use crate::admin::list::{self, JobFilter, JobPosition};
use crate::admin::redrive::{self, Redrive};
use crate::admin::view::{self, JobState, JobView};
use crate::engine;
use crate::error::Error;
use crate::id::{JobId, RedriveId};
use crate::queue::{ALL_PULL, QueueName, counted_as};

/// A lane and how many jobs it has in each state.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Lane {
    /// Whose jobs.
    #[diesel(sql_type = SqlUuid)]
    #[diesel(column_name = tenant_id)]
    pub tenant: TenantId,
    /// The queue as the database has it.
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
}

impl Lane {
    /// Whether it may have jobs in a state. Of those that ended only some are kept, and none is counted.
    pub fn may_have(&self, state: JobState) -> bool {
        match state {
            JobState::Waiting => self.waiting > 0,
            JobState::Deferred => self.deferred > 0,
            JobState::Running => self.running > 0,
            JobState::Dead => self.dead > 0,
            JobState::Done | JobState::Cancelled => true,
        }
    }
}

/// All lanes that ever had a job, of one tenant and one queue or of all.
pub fn lanes(
    tx: &mut DispatchTx<'_>,
    tenant: Option<TenantId>,
    queue: Option<&QueueName>,
) -> Result<Vec<Lane>, Error> {
    let chosen = "WHERE ($1::uuid IS NULL OR tenant_id = $1) AND ($2::text IS NULL OR queue = $2)";
    let columns = "tenant_id, queue, waiting, deferred, running, dead";
    let statement = diesel::sql_query(format!(
        "SELECT tenant_id, queue::text AS queue, sum(waiting)::bigint AS waiting, \
                sum(deferred)::bigint AS deferred, sum(running)::bigint AS running, sum(dead)::bigint AS dead \
         FROM (SELECT {columns} FROM jobs.counts {chosen} \
               UNION ALL SELECT {columns} FROM jobs.deltas {chosen}) AS c \
         GROUP BY 1, 2 ORDER BY 1, 2"
    ));
    let statement = statement
        .bind::<Nullable<SqlUuid>, _>(tenant.map(TenantId::as_uuid))
        .bind::<Nullable<Text>, _>(queue.map(QueueName::as_str));
    Ok(tx.load(statement)?)
}

/// A queue over all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueTotals {
    /// How many jobs, by state and since the first. All queues of the pull API count as one: `pull:*`.
    #[serde(flatten)]
    pub counts: QueueCounts,
    /// Since when the first of the next jobs in line has been ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
}

/// All queues over all tenants, by name.
pub fn totals(tx: &mut DispatchTx<'_>) -> Result<Vec<QueueTotals>, Error> {
    let columns = COLUMNS.trim_start_matches("queue");
    let statement = diesel::sql_query(format!(
        "SELECT queue::text AS queue, {SUMS} FROM ( \
             SELECT queue{columns} FROM jobs.totals UNION ALL \
             SELECT CASE WHEN queue LIKE 'pull:%' THEN '{ALL_PULL}' ELSE queue END{columns} FROM jobs.deltas \
         ) AS c GROUP BY 1 ORDER BY 1"
    ));
    let counts: Vec<QueueCounts> = tx.load(statement)?;
    let mut oldest: BTreeMap<String, Timestamp> = BTreeMap::new();
    for lane in engine::backlog(tx)? {
        let queue = counted_as(&lane.queue);
        oldest.entry(queue.to_owned()).and_modify(|at| *at = lane.ready_at.min(*at)).or_insert(lane.ready_at);
    }
    let total = |counts: QueueCounts| QueueTotals { oldest: oldest.get(&counts.queue).copied(), counts };
    Ok(counts.into_iter().map(total).collect())
}

/// Whose job it is. Asks every tenant that ever had a job, each by one look into each index.
pub fn find(tx: &mut DispatchTx<'_>, id: JobId) -> Result<Option<TenantId>, Error> {
    #[derive(QueryableByName)]
    struct Owner {
        #[diesel(sql_type = SqlUuid)]
        tenant_id: TenantId,
    }
    let tables = ["ready", "deferred", "leases", "dead", "done"].map(|table| {
        format!("EXISTS (SELECT FROM jobs.{table} AS j WHERE j.tenant_id = t.tenant_id AND j.job_id = $1)")
    });
    let statement = diesel::sql_query(format!(
        "SELECT t.tenant_id FROM ( \
             SELECT tenant_id FROM jobs.counts UNION SELECT tenant_id FROM jobs.deltas \
         ) AS t WHERE {} LIMIT 1",
        tables.join(" OR ")
    ));
    let owner: Option<Owner> = tx.find_result(statement.bind::<SqlUuid, _>(id))?;
    Ok(owner.map(|owner| owner.tenant_id))
}

/// One job of a tenant, wherever it is, with its payload.
///
/// # Errors
/// [`Error::NotFound`] when it is none of the tenant's, or has ended without being kept.
pub fn get(tx: &mut DispatchTx<'_>, tenant: TenantId, id: JobId) -> Result<JobView, Error> {
    view::read(tx, tenant, id)?.ok_or(Error::NotFound("job"))
}

/// Jobs of a tenant, without payloads. A page may be short, even empty, and have a next one.
pub fn list(
    tx: &mut DispatchTx<'_>,
    tenant: TenantId,
    filter: &JobFilter,
    page: &PageRequest<JobPosition>,
) -> Result<Page<JobView>, Error> {
    list::read(tx, tenant, filter, page)
}

/// A tenant's redrives of the last thirty days, latest first.
pub fn list_redrives(
    tx: &mut DispatchTx<'_>,
    tenant: TenantId,
    page: &PageRequest<RedriveId>,
) -> Result<Page<Redrive>, Error> {
    redrive::read_page(tx, tenant, page)
}

/// The tenants that have redrives under way, or had some within thirty days.
pub fn redriving(tx: &mut DispatchTx<'_>) -> Result<Vec<TenantId>, Error> {
    #[derive(QueryableByName)]
    struct Owner {
        #[diesel(sql_type = SqlUuid)]
        tenant_id: TenantId,
    }
    let owners: Vec<Owner> =
        tx.load(diesel::sql_query("SELECT DISTINCT tenant_id FROM jobs.redrives ORDER BY 1"))?;
    Ok(owners.into_iter().map(|owner| owner.tenant_id).collect())
}
