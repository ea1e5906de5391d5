//! What a shard is told from outside.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::event::EndReason;
use super::route::Route;
use super::stats::SessionStats;
use crate::agreed::Credentials;
use crate::dtls::Outcome;
use crate::id::SessionId;
use crate::packet::{ClockReading, Packet};
use crate::record::Tapped;
use crate::track::Track;

/// What a shard is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// End a session, and tell who asks what was counted of it.
    End(SessionId, EndReason, Option<oneshot::Sender<SessionStats>>),
    /// Who watches what one session publishes watches another's from now on, which publishes this.
    TakeOver(SessionId, SessionId, Arc<[Track]>),
    /// What viewers here wait for comes in on this shard.
    Arrived(SessionId, usize),
    /// Tell what was counted of one.
    Stats(SessionId, oneshot::Sender<SessionStats>),
    /// Take these credentials besides those it has: ours, and the peer's.
    Restart(SessionId, Credentials, Credentials),
    /// Give what a session publishes to a recorder.
    Tap(SessionId, SyncSender<Tapped>),
    /// Ask a publisher for key frames.
    Keyframe(SessionId, usize),
    /// What came of a handshake.
    Handshake(SessionId, Outcome),
    /// A datagram of a session that is here, and came elsewhere.
    Datagram(Route, Bytes),
    /// Send this over a connection that the thread has.
    Send(Route, Bytes),
    /// Another shard has viewers of what is published here.
    Subscribe(SessionId, usize),
    /// It has none any more.
    Unsubscribe(SessionId, usize),
    /// Packets of what is published elsewhere: of which track.
    Media(SessionId, usize, Vec<Arc<Packet>>),
    /// What a publisher elsewhere said of its clock.
    Clock(SessionId, usize, ClockReading),
    /// What is published elsewhere has ended.
    SourceEnded(SessionId),
    /// End all sessions and then the thread.
    Stop,
    /// Panic.
    #[cfg(test)]
    Panic,
}

impl Message {
    /// Whether it is of no use later, and may be dropped when too many wait. Without any other, something would stay
    /// that has ended.
    pub(crate) fn may_be_lost(&self) -> bool {
        match self {
            Self::Media(..) | Self::Datagram(..) | Self::Send(..) | Self::Clock(..) | Self::Keyframe(..) => {
                true
            }
            Self::End(..)
            | Self::TakeOver(..)
            | Self::Arrived(..)
            | Self::Stats(..)
            | Self::Restart(..)
            | Self::Tap(..)
            | Self::Handshake(..)
            | Self::Subscribe(..)
            | Self::Unsubscribe(..)
            | Self::SourceEnded(..)
            | Self::Stop => false,
            #[cfg(test)]
            Self::Panic => false,
        }
    }
}
