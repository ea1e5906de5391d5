//! Holds: nothing of a lane begins while somebody holds it. What runs goes on.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::page::{Page, PageRequest};
use veza_core::{
    DbError, DispatchTx, Permit, Query, SystemTx, TenantId, TenantScope, TenantTx, Timestamp, Write,
};

use crate::enqueue::CHANNEL;
use crate::error::Error;
use crate::permission::{ManageJobs, ReadJobs};
use crate::queue::QueueName;

/// What the database calls all queues; no queue has such a name.
const ALL_QUEUES: &str = "*";
/// The longest reason, in characters.
const REASON: usize = 500;

/// Who holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum HeldBy {
    /// The tenant itself paused its queue.
    Tenant,
    /// The operator of the deployment.
    Operator,
    /// The organisation is suspended or deleted.
    Suspension,
}

impl HeldBy {
    const fn text(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Operator => "operator",
            Self::Suspension => "suspension",
        }
    }
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Hold {
    /// Whose jobs wait; nothing is everybody's.
    #[cfg_attr(feature = "http", schema(value_type = Option<uuid::Uuid>))]
    pub tenant: Option<TenantId>,
    /// The queue, those of the pull API begin with `pull:`; nothing is all of them.
    pub queue: Option<String>,
    /// Who holds.
    pub held_by: HeldBy,
    /// Why, in the holder's words. Tenants see their own alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub held_at: DateTime<Utc>,
}

/// What an operator holds: of all tenants or of one, all queues or one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HoldScope {
    /// `None` is every tenant.
    pub tenant: Option<TenantId>,
    /// `None` is every queue.
    pub queue: Option<QueueName>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Text)]
    held_by: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    held_at: Timestamp,
}

impl From<Row> for Hold {
    fn from(row: Row) -> Self {
        Self {
            tenant: (!row.tenant_id.is_nil()).then(|| TenantId::from_verified(row.tenant_id)),
            queue: (row.queue != ALL_QUEUES).then_some(row.queue),
            held_by: match row.held_by.as_str() {
                "tenant" => HeldBy::Tenant,
                "suspension" => HeldBy::Suspension,
                _ => HeldBy::Operator,
            },
            reason: row.reason,
            held_at: row.held_at,
        }
    }
}

/// Lets nothing more of the tenant's begin in one of its queues. Doing it twice is doing it once.
///
/// # Errors
/// [`Error::Invalid`] for a reason of more than 500 characters.
pub fn pause(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    queue: &QueueName,
    reason: Option<&str>,
) -> Result<(), Error> {
    check(reason)?;
    let tenant = tx.tenant();
    Ok(insert(tx, tenant.as_uuid(), queue.as_str(), HeldBy::Tenant, reason)?)
}

/// Lifts the tenant's own hold; answers whether there was one. Other holders keep theirs.
pub fn resume(tx: &mut TenantTx<'_>, _: &Permit<ManageJobs>, queue: &QueueName) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let lifted = delete(tx, tenant.as_uuid(), queue.as_str(), HeldBy::Tenant)?;
    if lifted {
        tx.signal(CHANNEL, queue.as_str(), i64::MAX);
    }
    Ok(lifted)
}

/// Where in the list of holds a page ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPosition(String, String, Uuid);

/// What holds the tenant's queues, by their name, what holds everybody's included.
pub fn list_holds(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    page: &PageRequest<HoldPosition>,
) -> Result<Page<Hold>, Error> {
    let HoldPosition(queue, held_by, tenant) =
        page.after.clone().unwrap_or_else(|| HoldPosition(String::new(), String::new(), Uuid::nil()));
    let holds = diesel::sql_query(
        "SELECT tenant_id, queue::text AS queue, held_by, held_at, \
                CASE WHEN held_by = 'tenant' THEN reason END AS reason \
         FROM jobs.holds WHERE tenant_id IN ($1, '00000000-0000-0000-0000-000000000000') \
           AND (queue, held_by, tenant_id) > ($2, $3, $4) \
         ORDER BY jobs.holds.queue, held_by, tenant_id LIMIT $5",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(queue)
    .bind::<Text, _>(held_by)
    .bind::<SqlUuid, _>(tenant)
    .bind::<BigInt, _>(page.fetch());
    let holds: Vec<Row> = tx.load(holds)?;
    let position = |row: &Row| HoldPosition(row.queue.clone(), row.held_by.clone(), row.tenant_id);
    Ok(Page::new(page, holds, position).map(Hold::from))
}

/// The operator's hold. It is durable once the transaction is committed.
///
/// # Errors
/// [`Error::Invalid`] for a reason of more than 500 characters.
pub fn hold(tx: &mut DispatchTx<'_>, scope: &HoldScope, reason: Option<&str>) -> Result<(), Error> {
    check(reason)?;
    let (tenant, queue) = scope.key();
    durably(tx)?;
    Ok(insert(tx, tenant, queue, HeldBy::Operator, reason)?)
}

/// Lifts the operator's hold of exactly this scope; answers whether there was one.
pub fn release(tx: &mut DispatchTx<'_>, scope: &HoldScope) -> Result<bool, Error> {
    let (tenant, queue) = scope.key();
    durably(tx)?;
    Ok(delete(tx, tenant, queue, HeldBy::Operator)?)
}

/// All holds of the deployment.
pub fn all_holds(tx: &mut DispatchTx<'_>) -> Result<Vec<Hold>, Error> {
    let holds: Vec<Row> = tx.load(diesel::sql_query(
        "SELECT tenant_id, queue::text AS queue, held_by, reason, held_at FROM jobs.holds \
         ORDER BY tenant_id, queue, held_by",
    ))?;
    Ok(holds.into_iter().map(Hold::from).collect())
}

/// Holds everything of an organisation that is suspended or deleted. What runs is given back within
/// about a second, without an attempt counted.
pub fn suspend(tx: &mut SystemTx<'_>, tenant: TenantId) -> Result<(), DbError> {
    insert(tx, tenant.as_uuid(), ALL_QUEUES, HeldBy::Suspension, None)
}

/// Lets an organisation's jobs begin again. Holds of others stay.
pub fn unsuspend(tx: &mut SystemTx<'_>, tenant: TenantId) -> Result<(), DbError> {
    delete(tx, tenant.as_uuid(), ALL_QUEUES, HeldBy::Suspension).map(drop)
}

impl HoldScope {
    fn key(&self) -> (Uuid, &str) {
        let tenant = self.tenant.map_or(Uuid::nil(), TenantId::as_uuid);
        (tenant, self.queue.as_ref().map_or(ALL_QUEUES, QueueName::as_str))
    }
}

fn check(reason: Option<&str>) -> Result<(), Error> {
    let fits = |reason: &str| reason.chars().count() <= REASON && !reason.contains('\0');
    if reason.is_none_or(fits) {
        return Ok(());
    }
    Err(Error::field("/reason", "length", "at most 500 characters, none of them NUL"))
}

/// Work on jobs may be lost with a crash because it is done again. What an operator says is not.
fn durably(tx: &mut DispatchTx<'_>) -> Result<(), DbError> {
    tx.execute(diesel::sql_query("SET LOCAL synchronous_commit = on")).map(drop)
}

fn insert(
    tx: &mut impl Write,
    tenant: Uuid,
    queue: &str,
    held_by: HeldBy,
    reason: Option<&str>,
) -> Result<(), DbError> {
    let statement = diesel::sql_query(
        "INSERT INTO jobs.holds (tenant_id, queue, held_by, reason, held_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING",
    );
    let statement = statement
        .bind::<SqlUuid, _>(tenant)
        .bind::<Text, _>(queue)
        .bind::<Text, _>(held_by.text())
        .bind::<Nullable<Text>, _>(reason)
        .bind::<Timestamptz, _>(tx.now());
    tx.execute(statement).map(drop)
}

fn delete(tx: &mut impl Write, tenant: Uuid, queue: &str, held_by: HeldBy) -> Result<bool, DbError> {
    let statement =
        diesel::sql_query("DELETE FROM jobs.holds WHERE tenant_id = $1 AND queue = $2 AND held_by = $3");
    let statement =
        statement.bind::<SqlUuid, _>(tenant).bind::<Text, _>(queue).bind::<Text, _>(held_by.text());
    Ok(tx.execute(statement)? > 0)
}
