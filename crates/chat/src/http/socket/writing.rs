//! What a socket writes: the outbox as frames.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;

use super::pushes;
use crate::frame::Encoder;
use crate::hub::{Entry, Form, Item, Outbox, Signal};
use crate::presence::Presence;

/// The body of the answer: frames as they come. Dropped with the connection, it closes the outbox.
pub(super) struct Writing {
    outbox: Arc<Outbox>,
}

impl Writing {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

impl Stream for Writing {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.outbox.poll_next(cx).map(|item| item.map(|item| Ok(frame(&item))))
    }
}

/// The frame of an item. That of an event is made once for all who get it.
fn frame(item: &Item) -> Bytes {
    match item {
        Item::Entry(entry) => entry.bytes(Form::Frame, event).clone(),
        Item::Own(bytes) => bytes.clone(),
        Item::Signal(signal) => {
            let Signal { place, kind, by, seq } = **signal;
            text(&Push::Signal(pushes::Signal { room: place.room, kind, by, seq }))
        }
        Item::Presence(presence) => text(&Push::Presence(*presence)),
        Item::Reset(place, head) => text(&Push::Reset(pushes::Reset { room: place.room, head: *head })),
        Item::Ended(place) => text(&Push::Ended(pushes::Ended { room: place.room })),
    }
}

/// What comes without being asked for.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Push<'e> {
    Event(pushes::Event<'e>),
    Signal(pushes::Signal),
    Presence(Presence),
    Reset(pushes::Reset),
    Ended(pushes::Ended),
}

fn event(entry: &Entry) -> Bytes {
    text(&Push::Event(pushes::Event { room: entry.place.room, event: &entry.event }))
}

/// A frame of JSON.
pub(super) fn text(value: &impl Serialize) -> Bytes {
    Encoder::server().text(&serde_json::to_string(value).unwrap_or_default())
}
