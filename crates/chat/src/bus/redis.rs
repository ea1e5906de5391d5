//! The bus over Redis: one channel for each shard of rooms; a process listens to those whose rooms it has listeners for.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::News;
use super::message::{Message, messages};
use crate::hub::Hub;
use crate::presence::Board;

/// What broke is tried again after this long.
const MEND: Duration = Duration::from_secs(1);
/// News of one round trip.
const AT_ONCE: usize = 256;

/// Where everybody listens.
const EVERYBODY: &str = "veza:chat:all";

fn channel(shard: usize) -> String {
    format!("veza:chat:{shard}")
}

/// Tells and hears until `stop`. Without Redis nothing is lost: processes find what others wrote when they compare.
pub(crate) async fn run(
    client: redis::Client,
    id: Uuid,
    hub: Arc<Hub>,
    board: Arc<Board>,
    mut outgoing: mpsc::Receiver<News>,
    stop: CancellationToken,
) {
    let telling = async {
        let mut health = Health::default();
        loop {
            let ended = tell(&client, id, &mut outgoing, &mut health).await;
            if ended.is_ok() {
                return;
            }
            health.note("other processes find new messages by looking only", &ended);
            tokio::time::sleep(MEND).await;
        }
    };
    let hearing = async {
        let mut health = Health::default();
        loop {
            let ended = hear(&client, id, (&hub, &board), &mut health).await;
            health.note("new messages of other processes are found by looking only", &ended);
            tokio::time::sleep(MEND).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = telling => {}
        () = hearing => {}
    }
}

/// Says once that something broke, and once that it works again.
#[derive(Default)]
struct Health {
    broken: bool,
}

impl Health {
    fn note(&mut self, meaning: &'static str, outcome: &Result<(), RedisError>) {
        match outcome {
            Err(error) if !self.broken => tracing::warn!(%error, "{meaning}"),
            Ok(()) if self.broken => tracing::info!("Redis works again"),
            _ => {}
        }
        self.broken = outcome.is_err();
    }
}

/// Publishes what there is to tell; ends with the process or an error.
async fn tell(
    client: &redis::Client,
    id: Uuid,
    outgoing: &mut mpsc::Receiver<News>,
    health: &mut Health,
) -> Result<(), RedisError> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    health.note("", &Ok(()));
    let mut news = Vec::new();
    while outgoing.recv_many(&mut news, AT_ONCE).await > 0 {
        let mut pipe = redis::pipe();
        for (shard, message) in messages(id, std::mem::take(&mut news)) {
            let json = serde_json::to_string(&message).unwrap_or_default();
            pipe.publish(shard.map_or_else(|| EVERYBODY.to_owned(), channel), json).ignore();
        }
        pipe.exec_async(&mut connection).await?;
    }
    Ok(())
}

/// Listens to the shards that have listeners here.
async fn hear(
    client: &redis::Client,
    id: Uuid,
    (hub, board): (&Hub, &Board),
    health: &mut Health,
) -> Result<(), RedisError> {
    let (mut sink, mut messages) = client.get_async_pubsub().await?.split();
    health.note("", &Ok(()));
    sink.subscribe(EVERYBODY).await?;
    let mut subscribed = HashSet::new();
    loop {
        let wanted = hub.shards_in_use();
        for gone in subscribed.difference(&wanted) {
            sink.unsubscribe(channel(*gone)).await?;
        }
        let new: Vec<usize> = wanted.difference(&subscribed).copied().collect();
        for shard in &new {
            sink.subscribe(channel(*shard)).await?;
        }
        if !new.is_empty() {
            // What was told before somebody listened was missed.
            hub.compare();
        }
        subscribed = wanted;
        loop {
            tokio::select! {
                () = hub.shards_changed() => break,
                message = messages.next() => {
                    let Some(message) = message else {
                        return Err(RedisError::from((redis::ErrorKind::Io, "the connection that listens was closed")));
                    };
                    match serde_json::from_slice::<Message>(message.get_payload_bytes()) {
                        Ok(message) if message.by != id => message.tell(hub, board),
                        Ok(_own) => {}
                        Err(error) => tracing::warn!(%error, "somebody speaks on our channel who is not Veza"),
                    }
                }
            }
        }
    }
}
