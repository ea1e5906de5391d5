//! The thread that shakes hands: it takes milliseconds, which packets of media do not have.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
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
enum ToHandshaker {
    /// A datagram of a session's peer, and which shard the session is on.
    Datagram { shard: usize, session: SessionId, bytes: Bytes },
    /// The session has ended.
    End(SessionId),
}

/// How the thread is told. It ends when nobody can tell it anything any more.
#[derive(Debug, Clone)]
pub(crate) struct Handshaker {
    sender: Sender<ToHandshaker>,
    /// Datagrams that wait.
    waiting: Arc<AtomicUsize>,
}

impl Handshaker {
    /// Starts the thread; `tell` gives a shard what came of a session's handshake.
    pub(crate) fn start(
        handshakes: Handshakes,
        clock: fn() -> Instant,
        tell: impl Fn(usize, SessionId, Outcome) + Send + 'static,
    ) -> Result<(Self, JoinHandle<()>), PlaneError> {
        let ((sender, receiver), waiting) = (channel(), Arc::new(AtomicUsize::new(0)));
        let handshaker = Self { sender, waiting: Arc::clone(&waiting) };
        let thread = std::thread::Builder::new()
            .name("veza-stream-dtls".to_owned())
            .spawn(move || run(handshakes, &receiver, &waiting, clock, tell))
            .map_err(PlaneError::Thread)?;
        Ok((handshaker, thread))
    }

    /// Gives it a datagram of a session's peer. Answers whether there was room.
    pub(crate) fn datagram(&self, shard: usize, session: SessionId, bytes: Bytes) -> bool {
        // Two that ask at once may both get the last place, which does no harm.
        if self.waiting.load(Ordering::Relaxed) >= WAITING {
            return false;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.sender.send(ToHandshaker::Datagram { shard, session, bytes }).is_ok()
    }

    /// Tells it that a session has ended: without that it would keep what it knows of it for ever.
    pub(crate) fn end(&self, session: SessionId) {
        // It is gone when the program ends.
        let _gone = self.sender.send(ToHandshaker::End(session));
    }
}

fn run(
    mut handshakes: Handshakes,
    receiver: &Receiver<ToHandshaker>,
    waiting: &AtomicUsize,
    clock: fn() -> Instant,
    tell: impl Fn(usize, SessionId, Outcome),
) {
    // Where each session is, for what is sent again.
    let mut shards = std::collections::HashMap::new();
    let mut next = None;
    loop {
        let wait = next.map_or(IDLE, |at: Instant| at.saturating_duration_since(clock())).min(IDLE);
        let outcomes = match receiver.recv_timeout(wait) {
            Ok(ToHandshaker::Datagram { shard, session, bytes }) => {
                waiting.fetch_sub(1, Ordering::Relaxed);
                shards.insert(session, shard);
                let outcomes = guarded(|| handshakes.take(clock(), session, &bytes));
                outcomes.unwrap_or_else(|| vec![(session, Outcome::Failed)])
            }
            Ok(ToHandshaker::End(session)) => {
                shards.remove(&session);
                guarded(|| handshakes.end(clock(), session));
                Vec::new()
            }
            Err(RecvTimeoutError::Timeout) => guarded(|| handshakes.tick(clock())).unwrap_or_default(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for (session, outcome) in outcomes {
            if let Some(shard) = shards.get(&session) {
                tell(*shard, session, outcome);
            }
        }
        next = handshakes.next_tick();
    }
}

/// A fault of the library's, should there be one, must not cost others their handshakes.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(work));
    done.inspect_err(|_panic| tracing::error!("a handshake panicked")).ok()
}
