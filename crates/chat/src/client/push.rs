//! What a client tells without being asked.

use crate::connection::Delivery;
use crate::id::{MemberId, RoomId};

/// What comes by itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Push {
    /// What the server tells. Each event of a room comes once, in order and without gaps, over any number of
    /// connections; signals and presence are lossy.
    Delivery(Delivery),
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
