//! What happened, as those get it who wanted to know.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use veza_core::{Query, Timestamp};

use crate::enqueue::NewJob;
use crate::error::Error;
use crate::handler::JobError;
use crate::id::EventId;
use crate::job::{Job, Options, Retry};
use crate::pull;
use crate::queue::QueueName;

/// How far an event may be from its first cause.
pub const MAX_HOPS: u8 = 16;

/// Something that happened. It is the job of a [`Subscription`](crate::topic::Subscription)'s handler,
/// and as JSON the message in a pull queue.
///
/// As a job of its own kind, `jobs.event`, it comes from bindings of tenants to a program's queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The same for all who get it, and in all replays.
    pub event_id: EventId,
    /// Where it was published.
    pub exchange: String,
    /// What it is about, in words with dots between.
    pub routing_key: String,
    /// When the transaction began that published it.
    pub published_at: Timestamp,
    /// How many events led to it, one causing the next.
    pub hops: u8,
    /// What filters look at.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// What was published.
    pub body: Value,
}

impl Event {
    /// What was published, as a type. An event of another shape fails and is tried again, since a
    /// newer program may know it.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        T::deserialize(&self.body).map_err(|error| {
            JobError::Retry(format!("the body of {} has another shape: {error}", self.routing_key))
        })
    }
}

impl Job for Event {
    const KIND: &'static str = "jobs.event";
}

/// Where an event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) queue: QueueName,
    pub(crate) kind: String,
    pub(crate) options: Options,
}

impl Target {
    /// A binding of a tenant, with the settings of its pull queue.
    pub(crate) fn binding(queue: String, attempts: Option<i16>, delay_ms: Option<i32>) -> Self {
        let queue = QueueName::stored(queue);
        let kind = if queue.is_pull() { pull::KIND } else { Event::KIND };
        let mut options = Options::default();
        if let Some(attempts) = attempts.and_then(|attempts| u16::try_from(attempts).ok()) {
            options = options.attempts(attempts);
        }
        if let Some(delay) = delay_ms.and_then(|delay| u64::try_from(delay).ok()).filter(|delay| *delay > 0) {
            options = options.delay(Duration::from_millis(delay));
        }
        Self { queue, kind: kind.to_owned(), options }
    }

    /// The job that brings it an event; `payload` is the event as JSON.
    pub(crate) fn job(&self, tx: &impl Query, payload: String) -> Result<NewJob, Error> {
        let attempts = Retry::DEFAULT.attempts;
        NewJob::new(tx, self.queue.clone(), &self.kind, payload, &self.options, attempts)
    }
}

/// How deep arrays and objects may be within each other so that an event, which is one around them, can be
/// read again: by receivers, and by replays, which serve all tenants in turn.
const MAX_NESTING: usize = 126;

/// Refuses a body or attributes that could be written and never be read.
pub(crate) fn check_nesting(event: &Event) -> Result<(), Error> {
    fn fits(value: &Value, levels: usize) -> bool {
        match value {
            Value::Array(values) => levels > 0 && values.iter().all(|value| fits(value, levels - 1)),
            Value::Object(values) => levels > 0 && values.values().all(|value| fits(value, levels - 1)),
            _ => true,
        }
    }
    if fits(&event.body, MAX_NESTING) && event.attributes.values().all(|value| fits(value, MAX_NESTING - 1)) {
        return Ok(());
    }
    Err(Error::Unserializable {
        kind: Event::KIND,
        error: "it is nested too deep to be read again".to_owned(),
    })
}

pub(crate) fn to_json(event: &Event) -> Result<String, Error> {
    serde_json::to_string(event).map_err(unserializable)
}

pub(crate) fn unserializable(error: serde_json::Error) -> Error {
    Error::Unserializable { kind: Event::KIND, error: error.to_string() }
}
