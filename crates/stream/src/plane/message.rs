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

/// What a shard is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// End a session.
    End(SessionId, EndReason),
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
}
