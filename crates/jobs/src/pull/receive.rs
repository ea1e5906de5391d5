//! Receiving messages, with or without waiting for them.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use veza_core::{Caller, FieldError, Permit, Query, TenantScope, TenantTx};

use super::MAX_VISIBILITY_SECONDS;
use super::ending::released;
use super::queue::Target;
use super::receipt::Receipt;
use crate::engine::{self, Claim, Claimed, Ending, Lease, Want};
use crate::error::Error;
use crate::id::{JobId, Token};
use crate::permission::ReceiveMessages;
use crate::service::Jobs;

/// How often one receive passes over messages that are too old, and looks behind them.
const PASSES: usize = 5;

/// What a receiver asks for.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Receive {
    /// How many messages at most, 1 to 10; 1 when absent.
    #[serde(default)]
    pub max_messages: Option<i32>,
    /// How long to wait for the first message, in seconds, 0 to 20; 0 when absent.
    #[serde(default)]
    pub wait_seconds: Option<i32>,
    /// How long the messages stay with the receiver, in seconds, 0 to 43200; as the queue says when absent.
    #[serde(default)]
    pub visibility_timeout_seconds: Option<i32>,
}

/// The messages that were received: none when none was there in time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Received {
    /// The messages.
    pub messages: Vec<ReceivedMessage>,
}

/// A message that its receiver holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ReceivedMessage {
    /// The message. It stays the same over all receives.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub message_id: JobId,
    /// What acknowledges, extends or rejects this receive of it.
    pub receipt: String,
    /// What was sent.
    pub body: Value,
    /// What was sent beside it.
    pub attributes: BTreeMap<String, String>,
    /// How often it was received, this time included.
    pub receive_count: i32,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// When it becomes visible to others, unless it is acknowledged or extended before.
    pub invisible_until: DateTime<Utc>,
}

impl Receive {
    /// The longest wait, in seconds.
    pub const MAX_WAIT_SECONDS: i32 = 20;

    fn check(&self) -> Result<(), Error> {
        let mut broken = Vec::new();
        let mut within = |value: Option<i32>, least: i32, most: i32, field: &'static str| {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                broken.push(FieldError::new(field, "out_of_range", format!("from {least} to {most}")));
            }
        };
        within(self.max_messages, 1, 10, "/max_messages");
        within(self.wait_seconds, 0, Self::MAX_WAIT_SECONDS, "/wait_seconds");
        within(self.visibility_timeout_seconds, 0, MAX_VISIBILITY_SECONDS, "/visibility_timeout_seconds");
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }

    fn count(&self) -> i32 {
        self.max_messages.unwrap_or(1)
    }

    /// How long it waits.
    pub fn wait(&self) -> Duration {
        let seconds = self.wait_seconds.unwrap_or(0).clamp(0, Self::MAX_WAIT_SECONDS);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }
}

impl Jobs {
    /// Receives messages of a queue. It waits for the first one as long as was asked for, and no longer
    /// than until `stop` ends. Dropping it gives the wait up; what was received by then comes again
    /// after its visibility timeout.
    ///
    /// # Errors
    /// [`Error::TooManyReceivers`] and [`Error::ReceiversBusy`] when it would have to wait and there is
    /// no room.
    pub async fn receive(
        &self,
        caller: &Caller,
        _: &Permit<ReceiveMessages>,
        queue: &str,
        ask: Receive,
        stop: impl Future<Output = ()>,
    ) -> Result<Received, Error> {
        let until = Instant::now() + ask.wait();
        let mut seat = None;
        tokio::pin!(stop);
        loop {
            let name = queue.to_owned();
            let taken = self.db().tenant(caller, move |tx| take(tx, &name, ask)).await?;
            if !taken.messages.is_empty() {
                if taken.more {
                    self.receivers().ring(caller.tenant(), &taken.lane);
                }
                return Ok(Received { messages: taken.messages });
            }
            if Instant::now() >= until {
                return Ok(Received { messages: Vec::new() });
            }
            let Some(seat) = &seat else {
                // Another look: what came before the seat was taken rang for nobody.
                seat = Some(self.receivers().enter(caller.tenant(), &taken.lane)?);
                continue;
            };
            tokio::select! {
                () = seat.rung(self.db(), until) => {}
                () = &mut stop => return Ok(Received { messages: Vec::new() }),
            }
        }
    }
}

struct Taken {
    lane: String,
    messages: Vec<ReceivedMessage>,
    /// There may be more.
    more: bool,
}

fn take(tx: &mut TenantTx<'_>, queue: &str, ask: Receive) -> Result<Taken, Error> {
    let target = Target::find(tx, queue)?;
    ask.check()?;
    let visibility = ask.visibility_timeout_seconds.unwrap_or(target.settings.visibility_timeout_seconds);
    let token = Token::generate(tx.random());
    let claim = Claim { process: None, token, visibility_ms: Some(visibility.saturating_mul(1_000)) };
    let lane = target.lane.as_str().to_owned();
    let until = tx.now() + TimeDelta::seconds(i64::from(visibility));
    let oldest = tx.now() - TimeDelta::seconds(i64::from(target.settings.retention_seconds));
    for _ in 0..PASSES {
        let want = Want { tenant: tx.tenant(), queue: lane.clone(), count: ask.count(), floor: i64::MIN };
        let claimed = engine::claim(tx, claim, &[want])?;
        let more = i32::try_from(claimed.len()).is_ok_and(|taken| taken >= ask.count());
        let (fresh, old): (Vec<_>, Vec<_>) = claimed.into_iter().partition(|job| job.enqueued_at >= oldest);
        let end = |job: &Claimed, ending| (lease(tx.tenant(), job, token), ending);
        let mut endings: Vec<(Lease, Ending)> = old.iter().map(|job| end(job, Ending::Cancelled)).collect();
        if visibility == 0 {
            endings.extend(fresh.iter().map(|job| end(job, released(job, tx.now()))));
        }
        engine::end(tx, &endings)?;
        if !fresh.is_empty() || !more {
            let messages = fresh.into_iter().map(|job| shown(job, token, until)).collect::<Result<_, _>>()?;
            return Ok(Taken { lane, messages, more });
        }
    }
    Ok(Taken { lane, messages: Vec::new(), more: true })
}

fn lease(tenant: veza_core::TenantId, job: &Claimed, token: Token) -> Lease {
    Lease { tenant, job: job.job_id, token }
}

fn shown(job: Claimed, token: Token, until: DateTime<Utc>) -> Result<ReceivedMessage, Error> {
    let body = serde_json::from_str(&job.payload)
        .map_err(|error| Error::Unserializable { kind: super::KIND, error: error.to_string() })?;
    let attributes = job.meta.as_ref().and_then(|meta| meta.get("attributes")).cloned();
    Ok(ReceivedMessage {
        message_id: job.job_id,
        receipt: Receipt { job: job.job_id, token }.to_string(),
        body,
        attributes: attributes.and_then(|map| serde_json::from_value(map).ok()).unwrap_or_default(),
        receive_count: i32::from(job.attempt),
        sent_at: job.enqueued_at,
        invisible_until: until,
    })
}
