//! Bindings: which events of an exchange go to which queue.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Json, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp, Write};

use super::event::Event;
use super::exchange;
use super::filter::Filter;
use super::pattern::Pattern;
use crate::error::Error;
use crate::id::BindingId;
use crate::permission::{ManageJobs, ReadJobs};

/// What of an event a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum FilterScope {
    /// The attributes.
    #[default]
    Attributes,
    /// The keys of the body, when it is an object.
    Body,
}

impl FilterScope {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Attributes => "attributes",
            Self::Body => "body",
        }
    }
}

/// Sends events of an exchange to a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Binding {
    /// The binding.
    #[serde(rename = "binding_id")]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: BindingId,
    /// The exchange.
    pub exchange: String,
    /// The routing keys that it wants. Exchanges that are `fanout` have `#` here.
    pub pattern: String,
    /// Which of these events it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// What the filter looks at.
    pub filter_scope: FilterScope,
    /// Where events go: a program's queue, or `pull:` and the name of a queue of the pull API.
    pub queue: String,
    /// It gets nothing; what comes meanwhile can be replayed if it is kept.
    pub paused: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

pub(super) const COLUMNS: &str =
    "binding_id, exchange, pattern, filter, filter_scope, queue, paused, created_at";

#[derive(QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = SqlUuid)]
    binding_id: BindingId,
    #[diesel(sql_type = Text)]
    exchange: String,
    #[diesel(sql_type = Text)]
    pattern: String,
    #[diesel(sql_type = Nullable<Json>)]
    filter: Option<Value>,
    #[diesel(sql_type = Text)]
    filter_scope: String,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Bool)]
    paused: bool,
    #[diesel(sql_type = Timestamptz)]
    created_at: Timestamp,
}

impl From<Row> for Binding {
    fn from(row: Row) -> Self {
        Self {
            id: row.binding_id,
            exchange: row.exchange,
            pattern: row.pattern,
            filter: row.filter,
            filter_scope: scope(&row.filter_scope),
            queue: row.queue,
            paused: row.paused,
            created_at: row.created_at,
        }
    }
}

/// As the database has it, where it was checked before.
pub(super) fn scope(text: &str) -> FilterScope {
    if text == "body" { FilterScope::Body } else { FilterScope::Attributes }
}

/// Whether an event is wanted. A filter that cannot be read any more wants nothing.
pub(super) fn wants(event: &Event, pattern: &str, filter: Option<&Value>, scope: FilterScope) -> bool {
    if !Pattern::stored(pattern.to_owned()).matches(&event.routing_key) {
        return false;
    }
    let Some(policy) = filter else { return true };
    let looked_at = match scope {
        FilterScope::Attributes => Some(&event.attributes),
        FilterScope::Body => event.body.as_object(),
    };
    Filter::parse(policy).is_ok_and(|filter| filter.matches(looked_at))
}

/// One binding.
pub fn binding(tx: &mut impl TenantScope, _: &Permit<ReadJobs>, id: BindingId) -> Result<Binding, Error> {
    find(tx, id)
}

pub(super) fn find(tx: &mut impl TenantScope, id: BindingId) -> Result<Binding, Error> {
    let sql = format!("SELECT {COLUMNS} FROM jobs.bindings WHERE tenant_id = $1 AND binding_id = $2");
    let query = diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id);
    tx.get_result::<Row, _>(query).map(Binding::from).map_err(Error::absent("binding"))
}

/// Bindings of an exchange, oldest first.
///
/// # Errors
/// [`Error::NotFound`] when there is no such exchange.
pub fn bindings(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    exchange: &str,
    page: &PageRequest<BindingId>,
) -> Result<Page<Binding>, Error> {
    exchange::find(tx, exchange, "")?;
    let query = diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM jobs.bindings WHERE tenant_id = $1 AND exchange = $2 \
         AND ($3 IS NULL OR binding_id > $3) ORDER BY binding_id LIMIT $4"
    ))
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(exchange)
    .bind::<Nullable<SqlUuid>, _>(page.after)
    .bind::<BigInt, _>(page.fetch());
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Binding::from).collect(), |binding| binding.id))
}

/// Lets a binding get nothing, or everything again.
pub fn pause(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    id: BindingId,
    paused: bool,
) -> Result<Binding, Error> {
    let update = diesel::sql_query(format!(
        "UPDATE jobs.bindings SET paused = $3 WHERE tenant_id = $1 AND binding_id = $2 RETURNING {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(id)
    .bind::<Bool, _>(paused);
    tx.get_result::<Row, _>(update).map(Binding::from).map_err(Error::absent("binding"))
}

/// Removes a binding and its replays. Jobs that are in its queue stay there.
pub fn unbind(tx: &mut TenantTx<'_>, _: &Permit<ManageJobs>, id: BindingId) -> Result<(), Error> {
    let delete = diesel::sql_query("DELETE FROM jobs.bindings WHERE tenant_id = $1 AND binding_id = $2")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(id);
    if tx.execute(delete)? == 0 { Err(Error::NotFound("binding")) } else { Ok(()) }
}
