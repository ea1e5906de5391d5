//! Clients of both servers, which say the same in each one's protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::Outcome;
use crate::contender::{Contender, Kind};
use crate::stage::{TENANT_ROOM, member};
use crate::wire::{PING, PONG, TEXT, Wire, frame};

/// What all clients of a measurement got.
#[derive(Debug, Default)]
pub struct Tally {
    delivered: AtomicU64,
    wanted: AtomicU64,
    enough: Notify,
}

impl Tally {
    fn add(&self) {
        if self.delivered.fetch_add(1, Ordering::AcqRel) + 1 == self.wanted.load(Ordering::Acquire) {
            self.enough.notify_one();
        }
    }

    /// From now on so many more are waited for.
    fn want(&self, more: u64) {
        self.wanted.fetch_add(more, Ordering::AcqRel);
    }

    async fn all(&self) {
        self.enough.notified().await;
    }
}

/// Somebody in the room.
pub struct Listener {
    wire: Wire,
    kind: Kind,
    asked: u64,
}

impl Listener {
    /// Connects, says who it is, and listens to the room.
    pub async fn enter(kind: Kind, port: u16, number: u64) -> Outcome<Self> {
        match kind {
            Kind::Veza => {
                let protocol = "Sec-WebSocket-Protocol: veza.chat.v1.json\r\n";
                let wire = Wire::open(port, "/v1/chat/connect", protocol).await?;
                let mut listener = Self { wire, kind, asked: 0 };
                listener.ask(json!({ "method": "hello", "token": member(number) })).await?;
                listener.ask(json!({ "method": "subscribe", "room": TENANT_ROOM })).await?;
                Ok(listener)
            }
            Kind::SocketIo => {
                let wire = Wire::open(port, "/socket.io/?EIO=4&transport=websocket", "").await?;
                let mut listener = Self { wire, kind, asked: 0 };
                listener.until(b"0{").await?;
                listener.wire.write(&frame(TEXT, b"40")).await?;
                listener.until(b"40{").await?;
                listener.wire.write(&frame(TEXT, b"420[\"join\",\"room\"]")).await?;
                listener.until(b"430[").await?;
                Ok(listener)
            }
        }
    }

    /// Veza's: asks, and waits for the answer.
    async fn ask(&mut self, mut request: serde_json::Value) -> Outcome {
        self.asked += 1;
        request["id"] = json!(self.asked);
        self.wire.write(&frame(TEXT, request.to_string().as_bytes())).await?;
        self.until(format!("{{\"id\":{},\"result\"", self.asked).as_bytes()).await
    }

    /// Reads up to a message that begins so.
    async fn until(&mut self, beginning: &[u8]) -> Outcome {
        loop {
            if self.next(|payload| payload.starts_with(beginning)).await? {
                return Ok(());
            }
        }
    }

    /// The next message that is none of the protocol's own.
    async fn next<T>(&mut self, look: impl Fn(&[u8]) -> T) -> Outcome<T> {
        loop {
            let next = self.wire.frame().await?;
            let payload = self.wire.payload(&next);
            let answer = match (next.opcode, self.kind) {
                (PING, _) => frame(PONG, payload),
                // Engine.IO pings in messages.
                (TEXT, Kind::SocketIo) if payload == b"2" => frame(TEXT, b"3"),
                (TEXT, _) => return Ok(look(payload)),
                (opcode, _) => return Err(format!("opcode {opcode}").into()),
            };
            self.wire.write(&answer).await?;
        }
    }

    /// Counts what comes, for ever.
    pub async fn listen(mut self, tally: Arc<Tally>) -> Outcome {
        let beginning: &[u8] = match self.kind {
            Kind::Veza => b"{\"type\":\"event\"",
            Kind::SocketIo => b"42[\"message\"",
        };
        loop {
            if self.next(|payload| payload.starts_with(beginning)).await? {
                tally.add();
            }
        }
    }

    /// A message of two hundred bytes, to be answered.
    fn say(&mut self) -> Vec<u8> {
        self.asked += 1;
        let text = "The quick brown fox jumps over the lazy dog, and the dog says nothing about it at all.";
        let message = match self.kind {
            Kind::Veza => json!({
                "id": self.asked, "method": "send", "room": TENANT_ROOM,
                "client_id": Uuid::from_u128(u128::from(self.asked) << 64 | 7), "body": { "text": text, "data": { "n": self.asked } },
            })
            .to_string(),
            Kind::SocketIo => {
                let body = json!({ "text": text, "data": { "n": self.asked } });
                format!("42{}{}", self.asked, json!(["say", "room", body]))
            }
        };
        frame(TEXT, message.as_bytes())
    }

    /// Sends so many at once, and waits until each is answered and everybody has got them.
    pub async fn burst(&mut self, count: u64, listeners: u64, tally: &Tally) -> Outcome {
        tally.want(count * listeners);
        let burst: Vec<u8> = (0..count).flat_map(|_| self.say()).collect();
        self.wire.write(&burst).await?;
        let answer: &[u8] = match self.kind {
            Kind::Veza => b"{\"id\":",
            Kind::SocketIo => b"43",
        };
        let mut answered = 0;
        while answered < count {
            if self.next(|payload| payload.starts_with(answer)).await? {
                answered += 1;
            }
        }
        tally.all().await;
        Ok(())
    }
}

/// So many clients in the room, who all count; and one more, who sends.
pub async fn crowd(server: &Contender, clients: u64) -> Outcome<(Listener, Arc<Tally>)> {
    let tally = Arc::new(Tally::default());
    let mut entering = tokio::task::JoinSet::new();
    for number in 0..clients {
        let (kind, port, tally) = (server.kind, server.port, Arc::clone(&tally));
        entering.spawn(async move {
            let listener = Listener::enter(kind, port, number).await?;
            tokio::spawn(async move {
                if let Err(error) = listener.listen(tally).await {
                    eprintln!("a client: {error}");
                }
            });
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
        // A hundred at a time.
        if entering.len() >= 100
            && let Some(entered) = entering.join_next().await
        {
            entered??;
        }
    }
    while let Some(entered) = entering.join_next().await {
        entered??;
    }
    Ok((Listener::enter(server.kind, server.port, clients).await?, tally))
}
