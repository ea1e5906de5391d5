//! What clients did and saw.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use uuid::Uuid;
use veza_chat::RoomId;

/// How a promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Lost,
    Duplicated,
    Reordered,
    /// Anything else.
    Other,
}

/// A message that somebody wanted to send.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    pub(crate) room: RoomId,
    pub(crate) begun: Instant,
    /// The number, and when it was said first.
    pub(crate) acknowledged: Option<(i64, Instant)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct History {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) sendings: HashMap<Uuid, Sending>,
    /// Each event, as it came first.
    pub(crate) events: HashMap<(RoomId, i64), String>,
    /// The highest number of each room that was acknowledged.
    heads: HashMap<RoomId, i64>,
    pub(crate) seen: u64,
    pub(crate) wrong: Vec<(Wrong, String)>,
}

impl History {
    /// Somebody is about to send.
    pub(crate) fn begin(&self, client: Uuid, room: RoomId) {
        let sending = Sending { room, begun: Instant::now(), acknowledged: None };
        self.inner.lock().unwrap().sendings.insert(client, sending);
    }

    /// A message was acknowledged.
    pub(crate) fn acknowledge(&self, client: Uuid, seq: i64) {
        let mut inner = self.inner.lock().unwrap();
        let sending = inner.sendings.get_mut(&client).unwrap();
        let room = sending.room;
        let before = sending.acknowledged.get_or_insert((seq, Instant::now())).0;
        if before != seq {
            let what = format!("{client} was acknowledged as {before} and as {seq}");
            inner.wrong.push((Wrong::Duplicated, what));
        }
        let head = inner.heads.entry(room).or_default();
        *head = (*head).max(seq);
    }

    /// What is stored in a room at least.
    pub(crate) fn head(&self, room: RoomId) -> i64 {
        self.inner.lock().unwrap().heads.get(&room).copied().unwrap_or(0)
    }

    /// An event as it came to somebody.
    pub(crate) fn see(&self, who: &str, room: RoomId, seq: i64, text: &str) {
        let mut inner = self.inner.lock().unwrap();
        inner.seen += 1;
        let first = inner.events.entry((room, seq)).or_insert_with(|| text.to_owned());
        if first != text {
            let what = format!("{who} saw {seq} of {room} as {text}, others as {first}");
            inner.wrong.push((Wrong::Other, what));
        }
    }

    pub(crate) fn note(&self, wrong: Wrong, what: String) {
        self.inner.lock().unwrap().wrong.push((wrong, what));
    }

    /// All of it, once.
    pub(crate) fn take(&self) -> Inner {
        std::mem::take(&mut *self.inner.lock().unwrap())
    }
}
