//! The thread that shakes hands: it takes milliseconds, which packets of media do not have.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::handshakes::{Handshakes, Outcome};
use crate::id::SessionId;
use crate::plane::PlaneError;

/// Datagrams that may wait. Who is not heard says it again.
const WAITING: usize = 4_096;
/// Without work.
const IDLE: Duration = Duration::from_secs(1);

/// What it is told.
#[derive(Debug)]
pub(crate) enum ToHandshaker {
    /// A datagram of a session's peer, and which shard the session is on.
    Datagram { shard: usize, session: SessionId, bytes: Bytes },
    /// The session has ended.
    End { shard: usize, session: SessionId },
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Handshaker {
    pub(crate) sender: SyncSender<ToHandshaker>,
    pub(crate) thread: JoinHandle<()>,
}

impl Handshaker {
    /// Starts it; `tell` gives a shard what came of a session's handshake. It ends when nobody can tell it anything.
    pub(crate) fn start(
        handshakes: Handshakes,
        clock: fn() -> Instant,
        tell: impl Fn(usize, SessionId, Outcome) + Send + 'static,
    ) -> Result<Self, PlaneError> {
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("veza-stream-dtls".to_owned())
            .spawn(move || run(handshakes, &receiver, clock, tell))
            .map_err(PlaneError::Thread)?;
        Ok(Self { sender, thread })
    }
}

fn run(
    mut handshakes: Handshakes,
    receiver: &Receiver<ToHandshaker>,
    clock: fn() -> Instant,
    tell: impl Fn(usize, SessionId, Outcome),
) {
    // Where each session is, for what is sent again.
    let mut shards = std::collections::HashMap::new();
    let mut next = None;
    loop {
        let wait = next.map_or(IDLE, |at: Instant| at.saturating_duration_since(clock())).min(IDLE);
        let mut ended = None;
        let outcomes = match receiver.recv_timeout(wait) {
            Ok(ToHandshaker::Datagram { shard, session, bytes }) => {
                shards.insert(session, shard);
                // A fault of the library's, should there be one, must not cost others their handshakes.
                let take = AssertUnwindSafe(|| handshakes.take(clock(), session, &bytes));
                std::panic::catch_unwind(take).unwrap_or_else(|_panic| {
                    tracing::error!(session.id = %session, "a handshake panicked");
                    vec![(session, Outcome::Failed)]
                })
            }
            Ok(ToHandshaker::End { shard, session }) => {
                shards.insert(session, shard);
                ended = Some(session);
                handshakes.end(clock(), session)
            }
            Err(RecvTimeoutError::Timeout) => handshakes.tick(clock()),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for (session, outcome) in outcomes {
            if let Some(shard) = shards.get(&session) {
                tell(*shard, session, outcome);
            }
        }
        if let Some(session) = ended {
            shards.remove(&session);
        }
        next = handshakes.next_tick();
    }
}
