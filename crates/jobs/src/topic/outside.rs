//! Events from outside the program: for workers that pull, and for nobody else.

use serde::Deserialize;
use serde_json::{Map, Value};
use veza_core::{FieldError, Permit, TenantTx, holds_nul};

use super::exchange;
use super::publish::{PublishOptions, Published, publish};
use crate::error::Error;
use crate::permission::SendMessages;

/// An event to be published.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewEvent {
    /// What it is about: words of letters, digits, `_`, `-` and `:`, with dots between, 255 bytes at most.
    #[cfg_attr(feature = "http", schema(example = "property.updated"))]
    pub routing_key: String,
    /// Any JSON.
    pub body: Value,
    /// What filters look at.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// When another event led to this one: its `hops` and one more, 16 at most, so that a circle of events
    /// ends.
    #[serde(default)]
    pub hops: u8,
}

/// Publishes an event that somebody outside the program made. Bindings of pull queues get it; a program's
/// handlers never do, at once or by a replay, because nobody else makes jobs of a program.
///
/// # Errors
/// [`Error::NotFound`] when there is no such exchange; those of [`publish`].
pub fn post(
    tx: &mut TenantTx<'_>,
    _: &Permit<SendMessages>,
    exchange: &str,
    new: &NewEvent,
) -> Result<Published, Error> {
    exchange::find(tx, exchange, "")?;
    let attributes = Value::Object(new.attributes.clone());
    let broken: Vec<FieldError> = [("/body", &new.body), ("/attributes", &attributes)]
        .into_iter()
        .filter(|(_, value)| holds_nul(value))
        .map(|(field, _)| FieldError::new(field, "nul", "no character NUL"))
        .collect();
    if !broken.is_empty() {
        return Err(Error::Invalid(broken));
    }
    let options = PublishOptions::default().attributes(new.attributes.clone()).hops(new.hops).outside();
    publish(tx, exchange, &new.routing_key, &new.body, options)
}
