//! Making bindings.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Json, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::Deserialize;
use serde_json::Value;
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp};

use super::binding::{Binding, COLUMNS, FilterScope, Row};
use super::exchange::{self, Exchange, ExchangeKind};
use super::filter::Filter;
use super::pattern::Pattern;
use super::replay;
use crate::error::Error;
use crate::limit::within;
use crate::permission::ManageJobs;
use crate::pull;
use crate::queue::QueueName;

/// Bindings of one exchange.
pub const MAX_BINDINGS: i64 = 1_000;

/// What makes a binding.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewBinding {
    /// The routing keys that it wants: words with dots between, of which `*` is any one and `#` any number.
    /// All when absent; for a `direct` exchange the routing key itself.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Which of these events it wants: a filter policy as Amazon SNS has them.
    #[serde(default)]
    pub filter: Option<Value>,
    /// What the filter looks at.
    #[serde(default)]
    pub filter_scope: FilterScope,
    /// Where events go: `pull:` and the name of a queue of the pull API. Programs can also bind their own
    /// queues.
    #[cfg_attr(feature = "http", schema(example = "pull:inbox"))]
    pub queue: String,
    /// Also what was published since then, as far as it is kept.
    #[serde(default)]
    pub from: Option<DateTime<Utc>>,
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

/// Binds a queue to an exchange. From the commit on it gets every event that it wants; with
/// [`from`](NewBinding::from) also older ones that are kept, each once, beginning within seconds. A pull
/// queue stays as long as the binding does.
///
/// # Errors
/// [`Error::NotFound`] when there is no such exchange, [`Error::Invalid`] for fields that break a rule: also
/// for a pull queue that does not exist.
pub fn bind(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    exchange: &str,
    new: &NewBinding,
) -> Result<Binding, Error> {
    let exchange = exchange::find(tx, exchange, "FOR UPDATE")?;
    let queue = target(&new.queue)?;
    if let Some(policy) = &new.filter {
        Filter::parse(policy)?;
    }
    let pattern = pattern(&exchange, new.pattern.as_deref())?;
    if new.from.is_some() && exchange.keep_days == 0 {
        return Err(Error::field("/from", "not_kept", "only where the exchange has `keep_days`"));
    }
    let count = "SELECT count(*) AS count FROM \
                 (SELECT FROM jobs.bindings WHERE tenant_id = $1 AND exchange = $2 LIMIT 1000) AS b";
    let count = diesel::sql_query(count).bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(&exchange.name);
    within(tx, count, "binding", MAX_BINDINGS)?;
    pull::keep(tx, &queue, "/queue")?;
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
    let rule = "a queue's name, or `pull:` and the name of a queue of the pull API";
    QueueName::parse(queue).map_err(|_its_rule| Error::field("/queue", "name", rule))
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
