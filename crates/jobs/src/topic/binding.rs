//! Bindings: which events of an exchange go to which queue.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Json, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp, Write};

use super::event::Event;
use super::exchange::{self, Exchange, ExchangeKind, within};
use super::filter::Filter;
use super::pattern::Pattern;
use super::replay;
use crate::error::Error;
use crate::id::BindingId;
use crate::permission::{ManageJobs, ReadJobs};
use crate::queue::QueueName;

/// Bindings of one exchange.
pub const MAX_BINDINGS: i64 = 1_000;

/// What of an event a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterScope {
    /// The attributes.
    #[default]
    Attributes,
    /// The keys of the body, when it is an object.
    Body,
}

impl FilterScope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Attributes => "attributes",
            Self::Body => "body",
        }
    }
}

/// Sends events of an exchange to a queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Binding {
    /// The binding.
    #[serde(rename = "binding_id")]
    pub id: BindingId,
    /// The exchange.
    pub exchange: String,
    /// The routing keys that it wants. Exchanges that are `fanout` have `#` here.
    pub pattern: String,
    /// Which of these events it wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// What the filter looks at.
    pub filter_scope: FilterScope,
    /// Where events go: a program's queue, or `pull:` and the name of a queue of the pull API.
    pub queue: String,
    /// It gets nothing; what comes meanwhile can be replayed if it is kept.
    pub paused: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What makes a binding.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBinding {
    /// The routing keys that it wants: all when absent. For `direct` the routing key itself.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Which of these events it wants.
    #[serde(default)]
    pub filter: Option<Value>,
    /// What the filter looks at.
    #[serde(default)]
    pub filter_scope: FilterScope,
    /// Where events go.
    pub queue: String,
    /// Also what was published since then, as far as it is kept.
    #[serde(default)]
    pub from: Option<Timestamp>,
}

impl NewBinding {
    /// All events go to `queue`.
    pub fn new(queue: impl Into<String>) -> Self {
        Self {
            pattern: None,
            filter: None,
            filter_scope: FilterScope::Attributes,
            queue: queue.into(),
            from: None,
        }
    }

    /// Only those whose routing keys match.
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    /// Only those that pass the filter.
    #[must_use]
    pub fn filter(mut self, scope: FilterScope, policy: Value) -> Self {
        (self.filter_scope, self.filter) = (scope, Some(policy));
        self
    }

    /// Also those that were published since then and are kept.
    #[must_use]
    pub fn from(mut self, moment: Timestamp) -> Self {
        self.from = Some(moment);
        self
    }
}

const COLUMNS: &str = "binding_id, exchange, pattern, filter, filter_scope, queue, paused, created_at";

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

/// Binds a queue to an exchange. From the commit on it gets every event that it wants; with
/// [`from`](NewBinding::from) also older ones that are kept, each once, beginning within seconds.
pub fn bind(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    exchange: &str,
    new: &NewBinding,
) -> Result<Binding, Error> {
    let queue = target(&new.queue)?;
    if let Some(policy) = &new.filter {
        Filter::parse(policy)?;
    }
    let exchange = exchange::find(tx, exchange, "FOR UPDATE")?;
    let pattern = pattern(&exchange, new.pattern.as_deref())?;
    if new.from.is_some() && exchange.keep_days == 0 {
        return Err(Error::field("/from", "not_kept", "only where the exchange has `keep_days`"));
    }
    let count = "SELECT count(*) AS count FROM \
                 (SELECT FROM jobs.bindings WHERE tenant_id = $1 AND exchange = $2 LIMIT 1000) AS b";
    let count = diesel::sql_query(count).bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(&exchange.name);
    within(tx, count, "binding", MAX_BINDINGS)?;
    let insert = diesel::sql_query(format!(
        "INSERT INTO jobs.bindings (tenant_id, binding_id, exchange, pattern, filter, filter_scope, queue, paused, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, false, $8) RETURNING {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(tx.new_id::<crate::id::BindingNoun>())
    .bind::<Text, _>(&exchange.name)
    .bind::<Text, _>(pattern.as_str())
    .bind::<Nullable<Json>, _>(new.filter.as_ref())
    .bind::<Text, _>(new.filter_scope.as_str())
    .bind::<Text, _>(queue.as_str())
    .bind::<Timestamptz, _>(tx.now());
    let binding = Binding::from(tx.get_result::<Row, _>(insert)?);
    if let Some(from) = new.from {
        replay::missed(tx, &exchange, binding.id, from)?;
    }
    Ok(binding)
}

fn target(queue: &str) -> Result<QueueName, Error> {
    let name = match queue.strip_prefix("pull:") {
        Some(name) => QueueName::pull(name),
        None => QueueName::new(queue.to_owned()),
    };
    let rule = "a queue's name, or `pull:` and the name of a queue of the pull API";
    name.map_err(|_its_rule| Error::field("/queue", "name", rule))
}

fn pattern(exchange: &Exchange, pattern: Option<&str>) -> Result<Pattern, Error> {
    let refused = |rule: &'static str| Error::field("/pattern", "unfit", rule);
    match (exchange.kind, pattern) {
        (ExchangeKind::Topic, Some(pattern)) => pattern.parse(),
        (ExchangeKind::Topic, None) | (ExchangeKind::Fanout, None | Some("#")) => Ok(Pattern::everything()),
        (ExchangeKind::Fanout, Some(_)) => Err(refused("none: a fanout exchange looks at no routing key")),
        (ExchangeKind::Direct, pattern) => {
            let exact = pattern.map(str::parse::<Pattern>).transpose()?.filter(Pattern::is_exact);
            exact.ok_or_else(|| refused("a routing key without wildcards: the exchange is direct"))
        }
    }
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
pub fn bindings(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    exchange: &str,
    page: &PageRequest<BindingId>,
) -> Result<Page<Binding>, Error> {
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
