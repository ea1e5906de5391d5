//! Lanes as their tenant sees them.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use serde::Serialize;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope};

use crate::error::Error;
use crate::permission::ReadJobs;
use crate::queue::QueueName;

/// A tenant's share of a queue, and whether it is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, QueryableByName)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Lane {
    /// The queue; those of the pull API begin with `pull:`.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Its share against other organisations.
    #[diesel(sql_type = Integer)]
    pub weight: i32,
    /// How many of its jobs run at once, or messages are with receivers; absent: no limit.
    #[diesel(sql_type = Nullable<Integer>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_running: Option<i32>,
    /// How many of its jobs begin, or messages are received, per minute; absent: no limit.
    #[diesel(sql_type = Nullable<Integer>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<i32>,
    /// The organisation has paused it.
    #[diesel(sql_type = Bool)]
    pub paused: bool,
    /// Nothing begins: it is paused, or somebody else holds it.
    #[diesel(sql_type = Bool)]
    pub held: bool,
}

/// The tenant's lanes, by name: its pull queues, and the programs' queues in which it ever had a job, has
/// a limit or a hold.
pub fn list_lanes(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    page: &PageRequest<String>,
) -> Result<Page<Lane>, Error> {
    let lanes = load(tx, None, page.after.as_deref(), page.fetch())?;
    Ok(Page::new(page, lanes, |lane| lane.queue.clone()))
}

/// One of them.
///
/// # Errors
/// [`Error::NotFound`] when the tenant has no such lane.
pub fn lane(tx: &mut impl TenantScope, _: &Permit<ReadJobs>, queue: &QueueName) -> Result<Lane, Error> {
    find(tx, queue)
}

pub(crate) fn find(tx: &mut impl TenantScope, queue: &QueueName) -> Result<Lane, Error> {
    load(tx, Some(queue.as_str()), None, 1)?.pop().ok_or(Error::NotFound("lane"))
}

fn load(
    tx: &mut impl TenantScope,
    queue: Option<&str>,
    after: Option<&str>,
    at_most: i64,
) -> Result<Vec<Lane>, Error> {
    let own = "tenant_id = $1 AND ($2 IS NULL OR queue = $2) AND ($3 IS NULL OR queue > $3)";
    let of_programs = ["jobs.counts", "jobs.deltas", "jobs.lanes", "jobs.holds"].map(|table| {
        format!(
            "SELECT queue FROM {table} WHERE {own} AND (queue < 'pull:' OR queue >= 'pull;') AND queue <> '*'"
        )
    });
    let statement = diesel::sql_query(format!(
        "WITH names AS ( \
             {programs} UNION \
             SELECT q.queue FROM (SELECT tenant_id, 'pull:' || name AS queue FROM jobs.queues WHERE removed_at IS NULL) AS q \
             WHERE {own} \
             ORDER BY queue LIMIT $4 \
         ), held AS ( \
             SELECT h.queue, h.held_by FROM jobs.holds AS h \
             WHERE h.tenant_id IN ($1, '00000000-0000-0000-0000-000000000000') \
         ) \
         SELECT n.queue::text AS queue, coalesce(l.weight, 1) AS weight, l.max_running, l.per_minute, \
                EXISTS (SELECT FROM held AS h WHERE h.queue = n.queue AND h.held_by = 'tenant') AS paused, \
                EXISTS (SELECT FROM held AS h WHERE h.queue IN (n.queue, '*')) AS held \
         FROM names AS n LEFT JOIN jobs.lanes AS l ON l.tenant_id = $1 AND l.queue = n.queue ORDER BY n.queue",
        programs = of_programs.join(" UNION "),
    ))
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Nullable<Text>, _>(queue)
    .bind::<Nullable<Text>, _>(after)
    .bind::<BigInt, _>(at_most);
    Ok(tx.load(statement)?)
}
