//! Who may want an event.

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Json, Nullable, SmallInt, Text, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;
use veza_core::{Query, TenantId, TenantScope, TenantTx};

use super::binding::{self, wants};
use super::event::{Event, Target};
use super::subscription;
use crate::enqueue::MAX_PAYLOAD;
use crate::error::Error;
use crate::pull;
use crate::queue::QueueName;

/// Bytes of all deliveries of one event: each queue has the event by itself.
pub const MAX_PUBLISHED_BYTES: usize = 64 * MAX_PAYLOAD;

/// A binding or a subscription; or an exchange, for how long it keeps events.
#[derive(QueryableByName)]
pub(super) struct Route {
    /// A subscription of a program.
    #[diesel(sql_type = Nullable<Text>)]
    subscription: Option<String>,
    /// A binding of the tenant.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub(super) binding_id: Option<Uuid>,
    #[diesel(sql_type = SmallInt)]
    pub(super) keep_days: i16,
    #[diesel(sql_type = Nullable<Text>)]
    pattern: Option<String>,
    #[diesel(sql_type = Nullable<Json>)]
    filter: Option<Value>,
    #[diesel(sql_type = Nullable<Text>)]
    filter_scope: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    queue: Option<String>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    max_attempts: Option<i16>,
    #[diesel(sql_type = Nullable<Integer>)]
    timeout_ms: Option<i32>,
    /// Of the pull queue, as the next one.
    #[diesel(sql_type = Nullable<Integer>)]
    delay_ms: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    max_message_bytes: Option<i32>,
}

/// Who may want an event, in one round trip. The row of an exchange without bindings tells for how
/// long it keeps events.
pub(super) fn routes(tx: &mut TenantTx<'_>, exchange: &str, routing_key: &str) -> Result<Vec<Route>, Error> {
    let query = diesel::sql_query(
        "SELECT NULL AS subscription, b.binding_id, e.keep_days, b.pattern, b.filter, b.filter_scope, b.queue, \
                q.max_receives::smallint AS max_attempts, NULL::integer AS timeout_ms, q.delay_ms, q.max_message_bytes \
         FROM jobs.exchanges AS e LEFT JOIN jobs.bindings AS b \
           ON b.tenant_id = e.tenant_id AND b.exchange = e.name AND NOT b.paused \
          AND (e.kind <> 'direct' OR b.pattern = $3) \
         LEFT JOIN jobs.queues AS q \
           ON q.tenant_id = b.tenant_id AND q.name = substr(b.queue, 6) AND b.queue LIKE 'pull:%' \
         WHERE e.tenant_id = $1 AND e.name = $2 \
         UNION ALL \
         SELECT s.name, NULL, 0::smallint, s.pattern, NULL, NULL, s.queue, s.max_attempts, s.timeout_ms, NULL, NULL \
         FROM jobs.subscriptions AS s WHERE s.exchange = $2",
    );
    let query = query.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(exchange).bind::<Text, _>(routing_key);
    Ok(tx.load(query)?)
}

impl Route {
    pub(super) fn wants(&self, event: &Event) -> bool {
        let scope = binding::scope(self.filter_scope.as_deref().unwrap_or_default());
        self.pattern.as_deref().is_some_and(|pattern| wants(event, pattern, self.filter.as_ref(), scope))
    }

    pub(super) fn is_pull(&self) -> bool {
        self.queue.as_deref().is_some_and(|queue| QueueName::stored(queue.to_owned()).is_pull())
    }

    /// Whether its queue takes so many bytes.
    fn fits(&self, size: usize) -> Result<(), Error> {
        match (&self.queue, self.max_message_bytes) {
            (Some(queue), Some(max)) => pull::fits(&QueueName::stored(queue.clone()), max, size, "/body"),
            _ => Ok(()),
        }
    }

    pub(super) fn target(&self) -> Option<Target> {
        let queue = self.queue.clone()?;
        Some(match &self.subscription {
            Some(name) => subscription::target(name, queue, self.max_attempts, self.timeout_ms),
            None => Target::binding(queue, self.max_attempts, self.delay_ms),
        })
    }
}

/// Leaves out bindings whose queue does not take the event, and those that are too many. Programs get it all the same.
pub(super) fn leave_out(tenant: TenantId, event: &Event, routes: &mut Vec<&Route>, size: usize) {
    let mut room = MAX_PUBLISHED_BYTES.checked_div(size).unwrap_or(MAX_PUBLISHED_BYTES);
    routes.retain(|route| {
        if route.binding_id.is_none() || route.queue.is_none() {
            return true;
        }
        let takes = room > 0 && route.fits(size).is_ok();
        if takes {
            room -= 1;
        } else {
            metrics::counter!("veza_jobs_events_refused_total").increment(1);
            let (exchange, key) = (&event.exchange, &event.routing_key);
            tracing::info!(tenant.id = %tenant, queue = route.queue, exchange, key, size, "a bound queue does not take an event");
        }
        takes
    });
}

/// Each queue takes the event, and they do not take too much together.
pub(super) fn check_size(routes: &[&Route], size: usize) -> Result<(), Error> {
    for route in routes {
        route.fits(size)?;
    }
    let deliveries = routes.iter().filter(|route| route.queue.is_some()).count();
    let most = MAX_PUBLISHED_BYTES.checked_div(deliveries).unwrap_or(MAX_PUBLISHED_BYTES);
    if size > most {
        let rule = format!("64 MiB in all queues, {most} bytes for each of {deliveries}");
        return Err(Error::too_large("/body", size, most, &rule));
    }
    Ok(())
}
