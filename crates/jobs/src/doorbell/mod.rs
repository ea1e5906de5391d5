//! The doorbell between processes: a hint that jobs came, sent after the commit and never within a
//! business transaction, where NOTIFY would make commits wait for each other.

mod bells;
#[cfg(feature = "notify")]
mod notify;
#[cfg(feature = "redis")]
mod redis;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use veza_core::TenantId;

pub(crate) use self::bells::{Bells, LaneKey};
#[cfg(feature = "notify")]
pub(crate) use self::notify::NotifyBell;
#[cfg(feature = "redis")]
pub(crate) use self::redis::RedisBell;

/// A future of a doorbell.
pub(crate) type Ringing<'a> = Pin<Box<dyn Future<Output = Result<(), RingError>> + Send + 'a>>;

/// Why a doorbell does not work, in words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RingError(pub(crate) String);

#[cfg(any(feature = "notify", feature = "redis"))]
impl RingError {
    pub(crate) fn of(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A way to reach other processes.
pub(crate) trait Doorbell: Send + Sync + fmt::Debug {
    /// Sends one message, of [`LONGEST`] bytes at most, to all that listen.
    fn ring<'a>(&'a self, message: &'a str) -> Ringing<'a>;
    /// Listens and gives each message to `hear`; ends with an error when the connection does.
    fn listen<'a>(&'a self, hear: &'a (dyn Fn(&str) + Send + Sync)) -> Ringing<'a>;
}

/// NOTIFY takes less than 8,000 bytes.
const LONGEST: usize = 7_500;
/// At most one message in this time, with all that came meanwhile.
const PAUSE: Duration = Duration::from_millis(3);
/// A doorbell that broke is tried again after this long.
const MEND: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    /// Who rings: it has heard already.
    by: Uuid,
    lanes: Vec<(String, Uuid, i64)>,
}

/// Tells other processes what this one enqueued, until it stops.
pub(crate) async fn tell(bell: Arc<dyn Doorbell>, bells: Arc<Bells>, by: Uuid, stop: CancellationToken) {
    let mut broken = false;
    while let Some(rung) = stop.run_until_cancelled(bells.rung()).await {
        let mut outcome = Ok(());
        for message in messages(by, rung) {
            outcome = bell.ring(&message).await;
        }
        match &outcome {
            Err(error) if !broken => tracing::warn!(%error, "other processes find new jobs by polling only"),
            Ok(()) if broken => tracing::info!("other processes are told of new jobs again"),
            _ => {}
        }
        broken = outcome.is_err();
        tokio::time::sleep(if broken { MEND } else { PAUSE }).await;
    }
}

fn messages(by: Uuid, rung: HashMap<LaneKey, i64>) -> Vec<String> {
    let mut lanes: Vec<(String, Uuid, i64)> =
        rung.into_iter().map(|((queue, tenant), rank)| (queue, tenant.as_uuid(), rank)).collect();
    let mut messages = Vec::new();
    while !lanes.is_empty() {
        // The longest lane: 68 bytes of name, 36 of tenant, 20 of rank, and punctuation.
        let part = lanes.split_off(lanes.len().saturating_sub(LONGEST / 140));
        messages.extend(serde_json::to_string(&Message { by, lanes: part }));
    }
    messages
}

/// Hears what other processes enqueued, until this one stops.
pub(crate) async fn hear(bell: Arc<dyn Doorbell>, bells: Arc<Bells>, by: Uuid, stop: CancellationToken) {
    let heard = move |text: &str| {
        let Ok(message) = serde_json::from_str::<Message>(text) else {
            tracing::warn!("somebody rings the doorbell who is not Veza");
            return;
        };
        if message.by != by {
            for (queue, tenant, rank) in message.lanes {
                // A hint: whatever it says, only what the database has is claimed.
                bells.ring(&queue, TenantId::from_verified(tenant), rank);
            }
        }
    };
    let mut broken = false;
    while let Some(outcome) = stop.run_until_cancelled(bell.listen(&heard)).await {
        if let Err(error) = outcome
            && !broken
        {
            broken = true;
            tracing::warn!(%error, "new jobs of other processes are found by polling only, for now");
        }
        if stop.run_until_cancelled(tokio::time::sleep(MEND)).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_fit_into_a_notification() {
        let lane = |number: u128| {
            let queue = format!("pull:{}{:03}", "q".repeat(60), number % 1_000);
            ((queue, TenantId::from_verified(Uuid::from_u128(number))), i64::MIN)
        };
        let messages = messages(Uuid::nil(), (0..1_000).map(lane).collect());
        let mut lanes = 0;
        for message in &messages {
            assert!(message.len() < LONGEST, "{}", message.len());
            lanes += serde_json::from_str::<Message>(message).unwrap().lanes.len();
        }
        assert_eq!(lanes, 1_000);
    }
}
