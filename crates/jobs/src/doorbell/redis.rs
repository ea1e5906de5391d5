//! The doorbell over Redis.

use futures_util::StreamExt;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;
use veza_core::config::Secret;

use crate::doorbell::{Doorbell, RingError, Ringing};

const CHANNEL: &str = "veza:jobs";

/// Rings on one connection and listens on another.
pub(crate) struct RedisBell {
    client: redis::Client,
    ringing: Mutex<Option<MultiplexedConnection>>,
}

impl std::fmt::Debug for RedisBell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBell").finish_non_exhaustive()
    }
}

impl RedisBell {
    /// # Errors
    /// When the URL is none of Redis.
    pub(crate) fn new(url: &Secret) -> Result<Self, RingError> {
        let client = redis::Client::open(url.expose()).map_err(RingError::of)?;
        Ok(Self { client, ringing: Mutex::new(None) })
    }
}

impl Doorbell for RedisBell {
    fn ring<'a>(&'a self, message: &'a str) -> Ringing<'a> {
        Box::pin(async move {
            let mut ringing = self.ringing.lock().await;
            let mut connection = match ringing.take() {
                Some(connection) => connection,
                None => self.client.get_multiplexed_async_connection().await.map_err(RingError::of)?,
            };
            let published: Result<(), _> = connection.publish(CHANNEL, message).await;
            published.map_err(RingError::of)?;
            *ringing = Some(connection);
            Ok(())
        })
    }

    fn listen<'a>(&'a self, hear: &'a (dyn Fn(&str) + Send + Sync)) -> Ringing<'a> {
        Box::pin(async move {
            let mut listening = self.client.get_async_pubsub().await.map_err(RingError::of)?;
            listening.subscribe(CHANNEL).await.map_err(RingError::of)?;
            let mut messages = listening.into_on_message();
            while let Some(message) = messages.next().await {
                if let Ok(text) = message.get_payload::<String>() {
                    hear(&text);
                }
            }
            Err(RingError("the connection that listens was closed".to_owned()))
        })
    }
}
