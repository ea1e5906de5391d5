//! Sending messages, one by one and in batches.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use veza_core::{Fault, FieldError, Permit, TenantTx, holds_nul};

use super::queue::Target;
use crate::enqueue::{Enqueued, NewJob, insert};
use crate::error::Error;
use crate::id::JobId;
use crate::job::{Options, Priority};
use crate::permission::SendMessages;
use crate::queue::QueueName;

/// The kind of all messages.
pub const KIND: &str = "message";
/// Entries of a batch at most.
pub const MAX_BATCH: usize = 10;
/// The longest delay of a message, in seconds.
pub const MAX_DELAY_SECONDS: i32 = 900;
/// For how long a deduplication id stands for the message that had it first.
const DEDUPLICATION: Duration = Duration::from_mins(5);
const MAX_ATTRIBUTES: usize = 10;

/// A message to be sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewMessage {
    /// Any JSON.
    pub body: Value,
    /// Up to ten names and texts beside the body. A name is 1 to 256 of A-Z, a-z, 0-9, `.`, `_` and `-`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// How long the message waits, in seconds, 0 to 900; as the queue says when absent.
    #[serde(default)]
    pub delay_seconds: Option<i32>,
    /// From -9 to 9, 0 when absent. Each level is worth a head start of one minute.
    #[serde(default)]
    pub priority: Option<i32>,
    /// Within five minutes, another message with the same id is not sent: the answer names the first one.
    /// 1 to 128 visible ASCII characters.
    #[serde(default)]
    pub deduplication_id: Option<String>,
}

/// A message that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct SentMessage {
    /// The message; the first one with the same deduplication id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub message_id: JobId,
    /// Whether that was sent before, so that this one was not.
    pub deduplicated: bool,
}

/// Messages to be sent together. Each is accepted or refused on its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Batch {
    /// 1 to 10 messages, with ids of the sender's own, each another.
    pub entries: Vec<BatchEntry>,
}

/// One message of a batch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct BatchEntry {
    /// Names the entry in the answer: 1 to 80 of A-Z, a-z, 0-9, `_` and `-`.
    pub id: String,
    /// Any JSON.
    pub body: Value,
    /// As in a single message.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// As in a single message.
    #[serde(default)]
    pub delay_seconds: Option<i32>,
    /// As in a single message.
    #[serde(default)]
    pub priority: Option<i32>,
    /// As in a single message.
    #[serde(default)]
    pub deduplication_id: Option<String>,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct BatchOutcome {
    /// The messages that were sent.
    pub successful: Vec<SentEntry>,
    /// Those that were not.
    pub failed: Vec<FailedEntry>,
}

/// An entry of a batch that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct SentEntry {
    /// The entry's own id.
    pub id: String,
    /// The message; the first one with the same deduplication id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub message_id: JobId,
    /// Whether that was sent before, so that this one was not.
    pub deduplicated: bool,
}

/// An entry of a batch that failed, with the error code that it would have had alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct FailedEntry {
    /// The entry's own id.
    pub id: String,
    /// The stable code.
    pub code: String,
    /// What is wrong, for people.
    pub message: String,
}

impl FailedEntry {
    pub(crate) fn new(id: &str, error: &Error) -> Self {
        let rules: Vec<String> =
            error.fields().iter().map(|field| format!("{}: {}", field.field, field.rule)).collect();
        let message = if rules.is_empty() { error.to_string() } else { rules.join("; ") };
        Self { id: id.to_owned(), code: error.code().to_owned(), message }
    }
}

/// Sends a message, to exist when `tx` is committed and not otherwise.
pub fn send(
    tx: &mut TenantTx<'_>,
    _: &Permit<SendMessages>,
    queue: &str,
    message: &NewMessage,
) -> Result<SentMessage, Error> {
    let target = Target::find(tx, queue)?;
    let job = prepare(tx, &target, message)?;
    let sent = insert(tx, vec![job])?.pop().ok_or(Error::NotFound("message"))?;
    Ok(SentMessage { message_id: sent.id, deduplicated: sent.existing })
}

/// Sends up to ten messages. Those that break a rule are refused, the others are sent, in their order.
pub fn send_batch(
    tx: &mut TenantTx<'_>,
    _: &Permit<SendMessages>,
    queue: &str,
    batch: &Batch,
) -> Result<BatchOutcome, Error> {
    let target = Target::find(tx, queue)?;
    check_ids(batch.entries.iter().map(|entry| entry.id.as_str()))?;
    let (mut ids, mut jobs, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &batch.entries {
        let message = NewMessage {
            body: entry.body.clone(),
            attributes: entry.attributes.clone(),
            delay_seconds: entry.delay_seconds,
            priority: entry.priority,
            deduplication_id: entry.deduplication_id.clone(),
        };
        match prepare(tx, &target, &message) {
            Ok(job) => {
                ids.push(entry.id.clone());
                jobs.push(job);
            }
            Err(error @ Error::Db(_)) => return Err(error),
            Err(error) => failed.push(FailedEntry::new(&entry.id, &error)),
        }
    }
    let sent = if jobs.is_empty() { Vec::new() } else { insert(tx, jobs)? };
    let entry =
        |(id, sent): (String, Enqueued)| SentEntry { id, message_id: sent.id, deduplicated: sent.existing };
    Ok(BatchOutcome { successful: ids.into_iter().zip(sent).map(entry).collect(), failed })
}

/// The rule for a batch: 1 to 10 entries, each with an id of its own.
pub(crate) fn check_ids<'i>(ids: impl ExactSizeIterator<Item = &'i str>) -> Result<(), Error> {
    if !(1..=MAX_BATCH).contains(&ids.len()) {
        return Err(Error::field("/entries", "length", "1 to 10 entries"));
    }
    let mut seen = HashSet::new();
    for (index, id) in ids.enumerate() {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if id.is_empty() || id.len() > 80 || !id.chars().all(plain) {
            let rule = "1 to 80 of A-Z, a-z, 0-9, _ and -";
            return Err(Error::field(format!("/entries/{index}/id"), "name", rule));
        }
        if !seen.insert(id) {
            return Err(Error::field(
                format!("/entries/{index}/id"),
                "duplicate",
                "another id than other entries",
            ));
        }
    }
    Ok(())
}

/// Makes a job of a message, or says which rules it breaks.
fn prepare(tx: &TenantTx<'_>, target: &Target, message: &NewMessage) -> Result<NewJob, Error> {
    check(message)?;
    let payload = message.body.to_string();
    let beside: usize = message.attributes.iter().map(|(name, text)| name.len() + text.len()).sum();
    let max = target.settings.max_message_bytes;
    fits(&target.lane, max, payload.len() + beside, "/body")?;
    let delay = u64::try_from(message.delay_seconds.unwrap_or(target.settings.delay_seconds)).unwrap_or(0);
    let level = i8::try_from(message.priority.unwrap_or(0)).unwrap_or(0);
    let mut options = Options::default().priority(Priority::new(level));
    if delay > 0 {
        options = options.delay(Duration::from_secs(delay));
    }
    if let Some(id) = &message.deduplication_id {
        // Each queue has ids of its own.
        options = options.unique_for(format!("{}:{id}", target.lane.name()), DEDUPLICATION);
    }
    let receives = u16::try_from(target.settings.max_receives).unwrap_or(1);
    let mut job = NewJob::new(tx, target.lane.clone(), KIND, payload, &options, receives)?;
    if !message.attributes.is_empty() {
        job.meta.insert("attributes".to_owned(), json!(message.attributes));
    }
    Ok(job)
}

/// The rule for the size of all that comes to a pull queue.
pub(crate) fn fits(queue: &QueueName, max: i32, size: usize, field: &'static str) -> Result<(), Error> {
    let max = usize::try_from(max).unwrap_or(0);
    if size <= max {
        return Ok(());
    }
    let rule = format!("the queue {} takes messages of {max} bytes at most", queue.name());
    Err(Error::too_large(field, size, max, &rule))
}

fn check(message: &NewMessage) -> Result<(), Error> {
    let mut broken = Vec::new();
    let mut rule = |holds: bool, field: &'static str, code: &'static str, rule: &'static str| {
        if !holds {
            broken.push(FieldError::new(field, code, rule));
        }
    };
    rule(!holds_nul(&message.body), "/body", "nul", "no character NUL");
    let named = |name: &String| {
        (1..=256).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let attributes = &message.attributes;
    rule(attributes.len() <= MAX_ATTRIBUTES, "/attributes", "length", "at most 10");
    rule(
        attributes.keys().all(named),
        "/attributes",
        "name",
        "names of 1 to 256 of A-Z, a-z, 0-9, '.', '_' and '-'",
    );
    rule(!attributes.values().any(|text| text.contains('\0')), "/attributes", "nul", "no character NUL");
    let delay = message.delay_seconds.unwrap_or(0);
    rule((0..=MAX_DELAY_SECONDS).contains(&delay), "/delay_seconds", "out_of_range", "from 0 to 900");
    let priority = message.priority.unwrap_or(0);
    rule((-9..=9).contains(&priority), "/priority", "out_of_range", "from -9 to 9");
    let id = message.deduplication_id.as_deref().unwrap_or("-");
    let visible = !id.is_empty() && id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic());
    rule(visible, "/deduplication_id", "name", "1 to 128 visible ASCII characters");
    if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
}
