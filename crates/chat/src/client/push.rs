//! What a client tells without being asked.

use crate::event::Event;
use crate::hub::SignalKind;
use crate::id::{MemberId, RoomId};
use crate::presence::Presence;

/// What comes by itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Push {
    /// The next event of a room. Each comes once, in order and without gaps, over any number of connections.
    Event {
        /// Where.
        room: RoomId,
        /// What happened.
        event: Event,
    },
    /// Somebody writes, or has read. Lossy.
    Signal {
        /// Where.
        room: RoomId,
        /// What they do.
        kind: SignalKind,
        /// Who.
        by: MemberId,
        /// How far they have read.
        seq: Option<i64>,
    },
    /// Somebody who is watched came or went, or is as they are told when the client has connected again. Lossy.
    Presence(Presence),
    /// The log was put back to an earlier time: what was got behind `head` is not there any more, and the next event is
    /// the one behind it.
    Reset {
        /// Where.
        room: RoomId,
        /// The last event that there is.
        head: i64,
    },
    /// The room may not be read any more, and nothing of it comes.
    Ended {
        /// Where.
        room: RoomId,
    },
    /// The connection is there, for the first time or again.
    Connected {
        /// Who the caller is in rooms.
        member: MemberId,
    },
    /// The connection is gone; the client connects again by itself.
    Disconnected {
        /// In words.
        reason: String,
    },
    /// The server broke its promise: another event came than the next one. The client connects again and goes on behind
    /// the last event that was right. It is logged as an error too: somebody should look for the reason.
    Broken {
        /// Where.
        room: RoomId,
        /// The number of the event that should have come.
        expected: i64,
        /// That of the one that came.
        got: i64,
    },
    /// The client has ended, as it may not connect, or the server cannot read what it sends. Nothing comes any more.
    Closed {
        /// In words.
        reason: String,
    },
}
