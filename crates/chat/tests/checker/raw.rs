//! A client that does everything by hand: it connects, resumes and sends again as PROTOCOL.md says, and tries what it
//! may not.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;
use veza_chat::client::{Endpoint, Incoming, Link, LinkError, Refusal, Request};
use veza_chat::{Body, Delivery, RoomId};

use crate::dice::Dice;
use crate::follower::Follower;
use crate::history::Wrong;
use crate::person::Person;

/// Messages on their way at once.
const AT_ONCE: usize = 8;
/// Nothing may take longer.
const PATIENCE: Duration = Duration::from_secs(15);
/// When all is calm again, everything is answered within this time.
const SETTLE: Duration = Duration::from_secs(40);

pub(crate) struct Raw {
    pub(crate) me: Person,
    pub(crate) proxy: Endpoint,
    pub(crate) rooms: Vec<RoomId>,
    /// Rooms of the other tenant.
    pub(crate) foreign: Vec<RoomId>,
    pub(crate) follower: Follower,
    pub(crate) dice: Dice,
    pub(crate) pending: Vec<Message>,
    pub(crate) done: Vec<(Message, i64)>,
    pub(crate) open: HashMap<u64, Purpose>,
    pub(crate) last: u64,
    /// Microseconds of the longest pause.
    pub(crate) pace: u64,
}

/// A message that is being sent.
#[derive(Clone)]
pub(crate) struct Message {
    client: Uuid,
    room: RoomId,
    body: Body,
}

/// What a request is for.
pub(crate) enum Purpose {
    Hello,
    /// With the number that the log had reached before.
    Subscribe(RoomId, i64),
    Unsubscribe(RoomId),
    Send(Uuid),
    /// A message that was acknowledged with this number.
    Repeat(Uuid, i64),
    Attack,
    Other,
}

/// The connection ends, which is no fault.
enum End {
    Link(LinkError),
    Late,
    Wanted,
}

impl From<LinkError> for End {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl Raw {
    /// Acts until it is told to stop and all that it sent is answered.
    pub(crate) async fn run(mut self, stop: watch::Receiver<bool>) -> Self {
        let mut settled = None;
        while !*stop.borrow() || !self.pending.is_empty() {
            if *stop.borrow() && settled.get_or_insert_with(Instant::now).elapsed() > SETTLE {
                let what = format!("{} got no answer to {} messages", self.follower.name, self.pending.len());
                self.follower.history.note(Wrong::Other, what);
                break;
            }
            if let Err(End::Link(error)) = self.connection(&stop, None).await {
                self.judge(&error);
            }
            sleep(Duration::from_millis(self.dice.below(50))).await;
        }
        self
    }

    /// Listens until it has everything.
    pub(crate) async fn finish(mut self, stop: watch::Receiver<bool>, heads: HashMap<RoomId, i64>) {
        let begun = Instant::now();
        while !self.follower.has(&heads) && begun.elapsed() < PATIENCE {
            if let Err(End::Link(error)) = self.connection(&stop, Some(&heads)).await {
                self.judge(&error);
            }
        }
        self.follower.missing(&heads);
    }

    /// A connection may break, but what comes must be readable, and not be closed because of what was sent.
    fn judge(&self, error: &LinkError) {
        let fine = match error {
            LinkError::Io(_) | LinkError::Handshake | LinkError::Refused(503 | 500) => true,
            LinkError::Closed(_) => error.close_code().is_none_or(|code| matches!(code, 4000..=4199)),
            _ => false,
        };
        if !fine {
            let what = format!("the connection of {} ended: {error}", self.follower.name);
            self.follower.history.note(Wrong::Other, what);
        }
    }

    async fn connection(
        &mut self,
        stop: &watch::Receiver<bool>,
        heads: Option<&HashMap<RoomId, i64>>,
    ) -> Result<(), End> {
        self.open.clear();
        let mut link = timeout(PATIENCE, Link::open(&self.proxy)).await.or(Err(End::Late))??;
        self.ask(&mut link, Request::Hello { token: self.me.token(Duration::from_mins(1)) }, Purpose::Hello);
        for room in self.rooms.clone() {
            self.subscribe(&mut link, room);
        }
        for message in self.pending.clone() {
            self.send(&mut link, &message);
        }
        let mut heard = Instant::now();
        loop {
            let pause = Duration::from_micros(self.dice.below(self.pace));
            match timeout(pause, link.next_text()).await {
                Ok(text) => {
                    heard = Instant::now();
                    let text = text?;
                    self.take(&mut link, &text, Incoming::read(&text)?)?;
                }
                Err(_nothing) if heard.elapsed() > PATIENCE => return Err(End::Late),
                Err(_nothing) if heads.is_none() && !*stop.borrow() => self.act(&mut link)?,
                Err(_nothing) => {}
            }
            let over = match heads {
                Some(heads) => self.follower.has(heads),
                None => *stop.borrow() && self.pending.is_empty(),
            };
            if over {
                return Ok(());
            }
        }
    }

    fn ask(&mut self, link: &mut Link, request: Request, purpose: Purpose) {
        self.last += 1;
        self.open.insert(self.last, purpose);
        link.push(self.last, &request);
    }

    fn subscribe(&mut self, link: &mut Link, room: RoomId) {
        let (after, floor) = (Some(self.follower.cursor(room)), self.follower.history.head(room));
        self.ask(link, Request::Subscribe { room, after }, Purpose::Subscribe(room, floor));
    }

    fn send(&mut self, link: &mut Link, message: &Message) {
        let Message { client, room, body } = message.clone();
        let attachments = Vec::new();
        let request = Request::Send { room, body, attachments, client_id: Some(client), reply_to: None };
        self.ask(link, request, Purpose::Send(client));
    }

    /// Something, by chance.
    fn act(&mut self, link: &mut Link) -> Result<(), End> {
        let room = *self.dice.pick(&self.rooms);
        let (chance, busy) = (self.dice.below(100), self.pending.len() >= AT_ONCE);
        match chance {
            0..70 if !busy => {
                let message = self.compose(room);
                self.send(link, &message);
                self.pending.push(message);
            }
            70..88 if !self.done.is_empty() => {
                let (Message { client, room, body }, seq) = self.dice.pick(&self.done).clone();
                let emoji = "👍".to_owned();
                let (request, purpose) = match chance {
                    70..76 => {
                        let (attachments, client_id) = (Vec::new(), Some(client));
                        let request = Request::Send { room, body, attachments, client_id, reply_to: None };
                        (request, Purpose::Repeat(client, seq))
                    }
                    76..80 => (Request::React { room, seq, emoji }, Purpose::Other),
                    80..82 => (Request::Unreact { room, seq, emoji }, Purpose::Other),
                    82..85 => (Request::Edit { room, seq, body: Body::text("edited") }, Purpose::Other),
                    _ => (Request::Read { room, seq }, Purpose::Other),
                };
                self.ask(link, request, purpose);
            }
            88..92 => self.ask(link, Request::Typing { room }, Purpose::Other),
            92..95 => {
                let room = *self.dice.pick(&self.foreign);
                let request = if self.dice.chance(50) {
                    Request::Subscribe { room, after: Some(0) }
                } else {
                    let (body, attachments) = (Body::text("let me in"), Vec::new());
                    Request::Send { room, body, attachments, client_id: None, reply_to: None }
                };
                self.ask(link, request, Purpose::Attack);
            }
            95..98 if self.open.is_empty() => {
                self.ask(link, Request::Unsubscribe { room }, Purpose::Unsubscribe(room));
            }
            98.. => return Err(End::Wanted),
            _ => {}
        }
        Ok(())
    }

    fn compose(&mut self, room: RoomId) -> Message {
        let client = uuid::Builder::from_random_bytes(veza_core::bytes(self.dice.random())).into_uuid();
        let length = if self.dice.chance(20) { self.dice.below(12_000) } else { self.dice.below(200) };
        let padding = "ü".repeat(usize::try_from(length / 2).unwrap());
        self.follower.history.begin(client, room);
        Message { client, room, body: Body::text(format!("{client} {padding}")) }
    }

    fn take(&mut self, link: &mut Link, text: &str, incoming: Incoming) -> Result<(), End> {
        match incoming {
            Incoming::Delivery(Delivery::Event { room, event }) => self.follower.event(room, event.seq, text),
            Incoming::Answer { id, outcome } => match self.open.remove(&id) {
                Some(purpose) => self.answered(link, purpose, outcome)?,
                None => self.wrong(format!("an answer to {id}, which was answered or never asked")),
            },
            Incoming::Delivery(Delivery::Signal { room, .. }) if self.rooms.contains(&room) => {}
            other => self.wrong(format!("{other:?}")),
        }
        Ok(())
    }

    fn answered(
        &mut self,
        link: &mut Link,
        purpose: Purpose,
        outcome: Result<Box<RawValue>, Refusal>,
    ) -> Result<(), End> {
        #[derive(Deserialize)]
        struct Stored {
            seq: i64,
            known: bool,
        }
        #[derive(Deserialize)]
        struct Begun {
            head: i64,
        }
        let result = match (outcome, &purpose) {
            (Err(refusal), Purpose::Attack) if refusal.code == "chat.not_found" => return Ok(()),
            (Err(_), Purpose::Other) => return Ok(()),
            // The database is away; everything begins again.
            (Err(refusal), _) if refusal.retry_after.is_some() => return Err(End::Wanted),
            (Err(refusal), _) => {
                self.wrong(format!("was refused: {refusal}"));
                return Err(End::Wanted);
            }
            (Ok(result), _) => result,
        };
        match purpose {
            Purpose::Send(client) => {
                let seq = serde_json::from_str::<Stored>(result.get()).unwrap().seq;
                self.follower.history.acknowledge(client, seq);
                if let Some(place) = self.pending.iter().position(|message| message.client == client) {
                    self.done.push((self.pending.remove(place), seq));
                }
            }
            Purpose::Repeat(client, first) => {
                let stored: Stored = serde_json::from_str(result.get()).unwrap();
                if stored.seq != first || !stored.known {
                    let what = format!("{client} is {first}, and stored again as {}", stored.seq);
                    self.follower.history.note(Wrong::Duplicated, what);
                }
            }
            Purpose::Subscribe(room, floor) => {
                let head = serde_json::from_str::<Begun>(result.get()).unwrap().head;
                if head < floor {
                    self.wrong(format!("{room} ended at {head} when {floor} was acknowledged"));
                }
            }
            Purpose::Unsubscribe(room) => self.subscribe(link, room),
            Purpose::Attack => self.wrong(format!("got into a foreign room: {}", result.get())),
            Purpose::Hello | Purpose::Other => {}
        }
        Ok(())
    }

    fn wrong(&self, what: String) {
        self.follower.history.note(Wrong::Other, format!("{}: {what}", self.follower.name));
    }
}
