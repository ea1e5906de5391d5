//! Publishing: in the caller's own transaction, so that an event exists exactly when the rest does.

use diesel::sql_types::{Array, Bool, Json, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;
use veza_core::{Query, TenantScope, TenantTx, Write};

use super::event::{Event, MAX_HOPS, Target, check_nesting, to_json, unserializable};
use super::exchange::check_name;
use super::pattern::check_routing_key;
use super::route::{Route, check_size, leave_out, routes};
use crate::enqueue::{MAX_PAYLOAD, insert};
use crate::error::Error;
use crate::id::EventId;

/// What goes with an event.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct PublishOptions {
    attributes: Map<String, Value>,
    hops: u8,
    outside: bool,
    regardless: bool,
}

impl PublishOptions {
    /// An attribute, for filters to look at.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// All attributes.
    pub fn attributes(mut self, attributes: Map<String, Value>) -> Self {
        self.attributes = attributes;
        self
    }

    /// It is published because of another event, and is one hop further from its first cause. Say it in
    /// each handler of an event, so that a circle of them ends.
    pub fn caused_by(self, event: &Event) -> Self {
        self.hops(event.hops.saturating_add(1))
    }

    /// How many events led to it: what [`caused_by`](Self::caused_by) says, from outside the program.
    pub fn hops(mut self, hops: u8) -> Self {
        self.hops = hops;
        self
    }

    /// What a tenant has bound cannot forbid it: a queue that takes no event of this size goes without, which is logged and
    /// counted, and everybody else gets it. For what a program says because something happened, which the tenant must not be
    /// able to undo.
    pub fn regardless(mut self) -> Self {
        self.regardless = true;
        self
    }

    /// Who publishes is no program of ours: no program gets it as a job.
    pub(super) fn outside(mut self) -> Self {
        self.outside = true;
        self
    }
}

/// What publishing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Published {
    /// The event.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub event_id: EventId,
    /// How many queues got it.
    pub deliveries: usize,
}

/// Who may get an event, and who may refuse it.
#[derive(Debug, Clone, Copy)]
struct Whom {
    outside: bool,
    regardless: bool,
}

impl Whom {
    fn of(options: &PublishOptions) -> Self {
        Self { outside: options.outside, regardless: options.regardless }
    }
}

/// Bytes of payloads in one statement.
const BATCH_BYTES: usize = 16 * MAX_PAYLOAD;

/// Publishes an event, to exist when `tx` is committed and not otherwise. Everybody whose binding or
/// subscription matches gets one job. An exchange that the tenant has not made reaches subscriptions of
/// programs alone; nobody's wanting an event is no error.
///
/// # Errors
/// [`Error::Invalid`] for names that break a rule, [`Error::TooLarge`] also when a pull queue that is to get it
/// takes no message of its size as JSON, or when all deliveries together have more than [`MAX_PUBLISHED_BYTES`](super::MAX_PUBLISHED_BYTES), unless it is
/// published [`regardless`](PublishOptions::regardless), [`Error::Unserializable`], [`Error::TooManyHops`]; the transaction can go on after those.
pub fn publish(
    tx: &mut TenantTx<'_>,
    exchange: &str,
    routing_key: &str,
    event: &impl Serialize,
    options: PublishOptions,
) -> Result<Published, Error> {
    check(exchange, routing_key)?;
    let whom = Whom::of(&options);
    let (event, payload) = make(tx, exchange, routing_key, event, options)?;
    let routes = routes(tx, exchange, routing_key)?;
    let deliveries = send(tx, &event, &payload, &routes, whom)?;
    Ok(Published { event_id: event.event_id, deliveries })
}

/// Publishes many events with one routing key, as [`publish`] does each of them, and looks once for who wants them.
/// Answers how many deliveries that makes.
///
/// # Errors
/// As [`publish`].
pub fn publish_all<E: Serialize>(
    tx: &mut TenantTx<'_>,
    exchange: &str,
    routing_key: &str,
    events: impl IntoIterator<Item = (E, PublishOptions)>,
) -> Result<usize, Error> {
    check(exchange, routing_key)?;
    let routes = routes(tx, exchange, routing_key)?;
    if routes.is_empty() {
        return Ok(0);
    }
    let mut deliveries = 0;
    for (event, options) in events {
        let whom = Whom::of(&options);
        let (event, payload) = make(tx, exchange, routing_key, &event, options)?;
        deliveries += send(tx, &event, &payload, &routes, whom)?;
    }
    Ok(deliveries)
}

fn check(exchange: &str, routing_key: &str) -> Result<(), Error> {
    check_name(exchange).map_err(|_same_rule| {
        Error::field("/exchange", "name", "an exchange's name is made like a queue's")
    })?;
    check_routing_key(routing_key)
}

/// An event, and its text.
fn make(
    tx: &TenantTx<'_>,
    exchange: &str,
    routing_key: &str,
    event: &impl Serialize,
    options: PublishOptions,
) -> Result<(Event, String), Error> {
    if options.hops > MAX_HOPS {
        return Err(Error::TooManyHops { max: MAX_HOPS });
    }
    let event = Event {
        event_id: tx.new_id(),
        exchange: exchange.to_owned(),
        routing_key: routing_key.to_owned(),
        published_at: tx.now(),
        hops: options.hops,
        attributes: options.attributes,
        body: serde_json::to_value(event).map_err(unserializable)?,
    };
    check_nesting(&event)?;
    let payload = to_json(&event)?;
    if payload.len() > MAX_PAYLOAD {
        return Err(Error::too_large("/body", payload.len(), MAX_PAYLOAD, "an event may have 1 MiB in all"));
    }
    Ok((event, payload))
}

fn send(
    tx: &mut TenantTx<'_>,
    event: &Event,
    payload: &str,
    routes: &[Route],
    whom: Whom,
) -> Result<usize, Error> {
    let allowed = |route: &&Route| !whom.outside || route.is_pull();
    let mut wanted: Vec<&Route> = routes.iter().filter(allowed).filter(|route| route.wants(event)).collect();
    if whom.regardless {
        leave_out(tx.tenant(), event, &mut wanted, payload.len());
    } else {
        check_size(&wanted, payload.len())?;
    }
    if routes.iter().any(|route| route.keep_days > 0) {
        keep(tx, event, whom.outside, wanted.iter().filter_map(|route| route.binding_id).collect())?;
    }
    deliver(tx, payload, wanted.into_iter().filter_map(Route::target))
}

/// One job for each target.
fn deliver(
    tx: &mut TenantTx<'_>,
    payload: &str,
    targets: impl Iterator<Item = Target>,
) -> Result<usize, Error> {
    let at_once = BATCH_BYTES.checked_div(payload.len()).unwrap_or(1).max(1);
    let mut deliveries = 0;
    let mut batch = Vec::new();
    for target in targets {
        batch.push(target.job(tx, payload.to_owned())?);
        deliveries += 1;
        if batch.len() >= at_once {
            insert(tx, std::mem::take(&mut batch))?;
        }
    }
    insert(tx, batch)?;
    Ok(deliveries)
}

fn keep(tx: &mut TenantTx<'_>, event: &Event, outside: bool, delivered: Vec<Uuid>) -> Result<(), Error> {
    let insert = diesel::sql_query(
        "INSERT INTO jobs.events (tenant_id, exchange, published_at, event_id, routing_key, hops, attributes, body, \
         delivered, outside) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(&event.exchange)
    .bind::<Timestamptz, _>(event.published_at)
    .bind::<SqlUuid, _>(event.event_id)
    .bind::<Text, _>(&event.routing_key)
    .bind::<SmallInt, _>(i16::from(event.hops))
    .bind::<Json, _>(Value::Object(event.attributes.clone()))
    .bind::<Json, _>(&event.body)
    .bind::<Array<SqlUuid>, _>(delivered)
    .bind::<Bool, _>(outside);
    tx.execute(insert)?;
    Ok(())
}
