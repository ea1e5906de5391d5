//! The client, as who uses it has it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};
use veza_core::{Clock, Random, id};

use super::driver::{Command, Driver};
use super::error::ClientError;
use super::options::Options;
use super::push::Push;
use super::request::Request;
use crate::batch::Sent;
use crate::id::{MemberId, RoomId};
use crate::message::{Body, NewMessage};
use crate::presence::Presence;

/// Requests that wait to be taken by the connection; more wait where they are made.
const COMMANDS: usize = 64;

/// A client that stays connected. Cheap to clone; it ends when all clones and its [`Pushes`] are dropped.
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What comes by itself. Who does not take it has nothing read from the connection any more, once
/// [`Options::queue`] is full, answers to requests included: take pushes in a task of their own when there may be many.
#[derive(Debug)]
pub struct Pushes {
    pushes: mpsc::Receiver<Push>,
}

impl Pushes {
    /// The next one. None when the client has ended. It may be dropped at any time.
    pub async fn next(&mut self) -> Option<Push> {
        self.pushes.recv().await
    }
}

/// How far the caller has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ReadUpTo {
    /// The last event that was read.
    pub read_seq: i64,
    /// Messages behind it.
    pub unread: i64,
}

impl Client {
    /// Starts a client, which begins to connect at once.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[allow(clippy::disallowed_methods, reason = "it is a program's own, and ends with its handles")]
    pub fn start(options: Options) -> (Self, Pushes) {
        let (commands, taken) = mpsc::channel(COMMANDS);
        let (pushing, pushes) = mpsc::channel(options.queue);
        let (clock, random) = (Arc::clone(&options.clock), Arc::clone(&options.random));
        tokio::spawn(Driver::new(options, taken, pushing).run());
        (Self { commands, clock, random }, Pushes { pushes })
    }

    /// Listens to a room: everything behind the event `after` comes, or what happens from now on when it is absent.
    /// Answers the number of the last event that there is.
    ///
    /// # Errors
    /// [`ClientError::Subscribed`], [`ClientError::Refused`], [`ClientError::Ended`].
    pub async fn subscribe(&self, room: RoomId, after: Option<i64>) -> Result<i64, ClientError> {
        #[derive(Deserialize)]
        struct Begun {
            head: i64,
        }
        self.ask::<Begun>(Request::Subscribe { room, after }).await.map(|begun| begun.head)
    }

    /// Listens to a room no more. After this nothing of it comes.
    ///
    /// # Errors
    /// [`ClientError::Ended`].
    pub async fn unsubscribe(&self, room: RoomId) -> Result<(), ClientError> {
        self.ask::<Nothing>(Request::Unsubscribe { room }).await.map(drop)
    }

    /// Sends a message; when this answers, it is stored, once. It waits for as long as there is no connection. Without a
    /// `client_id` the message gets one. Who drops this does not know whether the message was, or will be, stored.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Unacceptable`], [`ClientError::Ended`].
    pub async fn send(&self, room: RoomId, message: NewMessage) -> Result<Sent, ClientError> {
        #[derive(Deserialize)]
        struct Stored {
            seq: i64,
            at: DateTime<Utc>,
            known: bool,
        }
        let NewMessage { client_id, reply_to, body, attachments } = message;
        let client_id = client_id.or_else(|| Some(id::uuid_v7(self.clock.now(), &*self.random)));
        let stored: Stored = self.ask(Request::Send { room, body, attachments, client_id, reply_to }).await?;
        Ok(Sent { seq: stored.seq, at: stored.at, known: stored.known })
    }

    /// Says something else instead; answers the number of the event.
    ///
    /// # Errors
    /// Any [`ClientError`]; so have all methods below.
    pub async fn edit(&self, room: RoomId, seq: i64, body: Body) -> Result<i64, ClientError> {
        self.change(Request::Edit { room, seq, body }).await
    }

    /// Takes a message back; answers the number of the event.
    pub async fn delete(&self, room: RoomId, seq: i64) -> Result<i64, ClientError> {
        self.change(Request::Delete { room, seq }).await
    }

    /// Reacts to a message; answers the number of the event.
    pub async fn react(&self, room: RoomId, seq: i64, emoji: &str) -> Result<i64, ClientError> {
        self.change(Request::React { room, seq, emoji: emoji.to_owned() }).await
    }

    /// Takes a reaction back; answers the number of the event.
    pub async fn unreact(&self, room: RoomId, seq: i64, emoji: &str) -> Result<i64, ClientError> {
        self.change(Request::Unreact { room, seq, emoji: emoji.to_owned() }).await
    }

    /// Says how far the caller has read.
    pub async fn read(&self, room: RoomId, seq: i64) -> Result<ReadUpTo, ClientError> {
        self.ask(Request::Read { room, seq }).await
    }

    /// Says that the caller writes, to who listens.
    pub async fn typing(&self, room: RoomId) -> Result<(), ClientError> {
        self.ask::<Nothing>(Request::Typing { room }).await.map(drop)
    }

    /// Is told of people who come and go, in place of those named before; answers how they are.
    pub async fn watch(&self, members: Vec<MemberId>) -> Result<Vec<Presence>, ClientError> {
        self.ask::<Watched>(Request::Watch { members }).await.map(|watched| watched.members)
    }

    /// Waits for a sign of life.
    pub async fn ping(&self) -> Result<(), ClientError> {
        self.ask::<Nothing>(Request::Ping).await.map(drop)
    }

    async fn change(&self, request: Request) -> Result<i64, ClientError> {
        #[derive(Deserialize)]
        struct Changed {
            seq: i64,
        }
        self.ask::<Changed>(request).await.map(|changed| changed.seq)
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, ClientError> {
        let (answer, outcome) = oneshot::channel();
        self.commands.send(Command { request, answer }).await.or(Err(ClientError::Ended))?;
        let result = outcome.await.unwrap_or(Err(ClientError::Ended))?;
        serde_json::from_str(result.get()).or(Err(ClientError::Unreadable))
    }
}

/// How people are.
#[derive(Deserialize)]
pub(super) struct Watched {
    pub(super) members: Vec<Presence>,
}

/// What a result without content is.
#[derive(Deserialize)]
struct Nothing {}
