//! Threads that own one connection each, behind one bounded queue that is fair per tenant.
//!
//! There are exactly as many threads as connections: with more, waiting happens where order is
//! nobody's business, and the slowest hundredth waits three times as long.
//!
//! A worker that ends one transaction while another waits opens the next in the same round trip
//! (`COMMIT; BEGIN; SET LOCAL …`), so a busy server pays two round trips for a
//! one-statement transaction where an idle one pays three.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::config::PoolConfig;
use super::error::DbError;
use super::queue::FairQueue;
use super::session::{Connector, Session};
use super::work::{End, Work};
use crate::id::TenantId;

/// Whose turn counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    Tenant(TenantId),
    System(&'static str),
}

/// See the module.
pub(crate) struct Executor {
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    state: Mutex<State>,
    wake: Condvar,
    connector: Connector,
}

struct State {
    queue: FairQueue<Lane, Box<dyn Work>>,
    stopping: bool,
    /// Threads that sleep, the one on its way included.
    idle: usize,
    /// A thread was woken and did not look into the queue yet.
    waking: bool,
    /// The database was not to be reached; until then nobody tries again.
    down_until: Option<Instant>,
}

/// A transaction is run this often at most when it conflicts with others.
const ATTEMPTS: u32 = 4;
/// An idle connection is closed and made anew after this long, so that none lives for ever.
const MAX_AGE: Duration = Duration::from_mins(30);
/// After a failure to connect, transactions are refused at once for this long.
const DOWN_PAUSE: Duration = Duration::from_millis(200);

impl Executor {
    /// Starts the threads. Connections are made when they are first needed.
    pub(crate) fn start(
        name: &'static str,
        url: &str,
        connections: u32,
        config: &PoolConfig,
        setup: &str,
    ) -> std::io::Result<Self> {
        let queue = FairQueue::new(config.queue, config.queue_per_tenant);
        let shared = Arc::new(Shared {
            name,
            state: Mutex::new(State { queue, stopping: false, idle: 0, waking: false, down_until: None }),
            wake: Condvar::new(),
            connector: Connector::new(url, config, setup),
        });
        for index in 0..connections {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("{name}-{index}")).spawn(move || shared.work())?;
        }
        Ok(Self { shared })
    }

    /// Queues a transaction; a full queue settles it at once with [`DbError::Overloaded`].
    pub(crate) fn submit(&self, lane: Lane, work: Box<dyn Work>) {
        let (refused, wake) = {
            let mut state = self.shared.lock();
            let refused = if state.stopping { Err(work) } else { state.queue.push(lane, work) };
            (refused, state.wake_next())
        };
        if wake {
            self.shared.wake.notify_one();
        }
        if let Err(work) = refused {
            metrics::counter!("veza_core_transactions_refused_total", "pool" => self.shared.name)
                .increment(1);
            settle(work, Err(DbError::Overloaded));
        }
    }

    /// Whether the last attempt to connect did not fail just now.
    pub(crate) fn is_up(&self) -> bool {
        self.shared.lock().down_until.is_none_or(|until| until <= instant())
    }

    /// How many transactions wait.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.lock().queue.len()
    }
}

impl Drop for Executor {
    /// What is queued is still done; then the threads end.
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
    }
}

#[allow(clippy::disallowed_methods, reason = "deadlines are measured, not decided, here")]
fn instant() -> Instant {
    Instant::now()
}

impl State {
    /// Whether to wake a thread now; the answer has to be followed. One is woken at a time, and wakes the
    /// next if there is more to do: in a burst the first take most of it, each transaction opened with
    /// the end of another, instead of all threads at once taking the processor from each other.
    fn wake_next(&mut self) -> bool {
        let wake = self.idle > 0 && !self.waking && self.queue.len() > 0;
        self.waking |= wake;
        wake
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of one thread. Whatever unwinds here, the thread goes on, with a new connection.
    fn work(&self) {
        while quietly(|| self.serve()).is_err() {}
    }

    /// Does what waits, until the executor stops.
    fn serve(&self) {
        let mut session: Option<(Session, Instant)> = None;
        while let Some(work) = self.wait() {
            session = session.filter(|(session, born)| !session.broken && born.elapsed() < MAX_AGE);
            let fresh = session.is_none();
            if fresh {
                session = self.connect().map(|session| (session, instant()));
            }
            match &mut session {
                Some((session, _)) => self.transact(session, work, fresh),
                None => settle(work, Err(DbError::Unavailable)),
            }
        }
    }

    /// Blocks until there is something to do; `None` when the executor stops and all is done.
    fn wait(&self) -> Option<Box<dyn Work>> {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.queue.pop() {
                let wake = state.wake_next();
                drop(state);
                if wake {
                    self.wake.notify_one();
                }
                if let Some(work) = live(work) {
                    return Some(work);
                }
                state = self.lock();
            } else if state.stopping {
                return None;
            } else {
                state.idle += 1;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                state.waking = false;
            }
        }
    }

    /// The next transaction that somebody waits for, without blocking.
    fn take(&self) -> Option<Box<dyn Work>> {
        loop {
            let work = self.lock().queue.pop()?;
            if let Some(work) = live(work) {
                return Some(work);
            }
        }
    }

    fn connect(&self) -> Option<Session> {
        if self.lock().down_until.is_some_and(|until| instant() < until) {
            return None;
        }
        let session = self.connector.connect();
        self.lock().down_until = if session.is_ok() { None } else { Some(instant() + DOWN_PAUSE) };
        session
            .inspect_err(|error| tracing::warn!(pool = self.name, %error, "the database cannot be reached"))
            .ok()
    }

    /// Runs `work`, then whatever waits, on one connection, each opened in the round trip that
    /// closes the one before; until nothing waits or the database is gone.
    fn transact(&self, session: &mut Session, work: Box<dyn Work>, mut fresh: bool) {
        let mut next = Some(work);
        let mut opened = false;
        while let Some(mut work) = next.take() {
            if !opened && let Err(error) = open(session, &*work) {
                // A connection that died while idle is replaced once, unseen: nothing was done.
                let replacement = if error.is_disconnect() && !fresh { self.connect() } else { None };
                let Some(replacement) = replacement else { return settle(work, Err(error)) };
                *session = replacement;
                fresh = true;
                next = Some(work);
                continue;
            }
            let mut attempts = 0;
            let closing = run(session, &mut *work, &mut attempts);
            (next, opened) = self.close(session, work, attempts, closing);
            fresh = false;
        }
    }

    /// Ends a transaction and, in the same round trip, opens the next that waits. The answer says
    /// which that is and whether it is open. A conflict may show at COMMIT only: then it runs again.
    fn close(
        &self,
        session: &mut Session,
        mut work: Box<dyn Work>,
        mut attempts: u32,
        mut closing: &'static str,
    ) -> (Option<Box<dyn Work>>, bool) {
        if session.broken {
            settle(work, Err(DbError::Unavailable));
            return (None, false);
        }
        let next = self.take();
        if closing.is_empty() {
            settle(work, Ok(()));
            return (next, false);
        }
        loop {
            let closed = end(session, closing, next.as_deref());
            let conflicted = closed.as_ref().is_err_and(DbError::is_retryable);
            if !conflicted || attempts >= ATTEMPTS || open(session, &*work).is_err() {
                let opened = closed.is_ok() && next.is_some();
                settle(work, closed);
                return (next, opened);
            }
            closing = run(session, &mut *work, &mut attempts);
        }
    }
}

/// Sends COMMIT or ROLLBACK, and the opening of the `next` transaction with it.
fn end(session: &mut Session, closing: &str, next: Option<&dyn Work>) -> Result<(), DbError> {
    let closed = match next.and_then(opening) {
        Some(opening) => session.batch(&format!("{closing}; {opening}")),
        None => session.batch(closing),
    };
    if closed.is_err() && !session.broken {
        // COMMIT was refused, so what followed it in the batch did not happen.
        let _already_over = session.batch("ROLLBACK");
    }
    closed
}

/// Runs `f`, in which the closure of a transaction or its answer is dropped: when their `Drop` panics,
/// that is nobody else's business.
fn quietly(f: impl FnOnce()) -> Result<(), ()> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|_panic| {
        tracing::error!("what a transaction held or answered panicked when it was dropped");
    })
}

fn settle(work: Box<dyn Work>, closed: Result<(), DbError>) {
    let _settled = quietly(|| work.settle(closed));
}

/// Drops what nobody waits for any more, and settles what waited too long.
fn live(work: Box<dyn Work>) -> Option<Box<dyn Work>> {
    if work.is_abandoned() {
        let _dropped = quietly(|| drop(work));
        return None;
    }
    if work.deadline() <= instant() {
        settle(work, Err(DbError::DeadlineExceeded));
        return None;
    }
    Some(work)
}

fn opening(work: &dyn Work) -> Option<String> {
    work.opening(work.deadline().saturating_duration_since(instant()))
}

fn open(session: &mut Session, work: &dyn Work) -> Result<(), DbError> {
    let Some(opening) = opening(work) else { return Ok(()) };
    let opened = session.batch(&opening);
    if opened.is_err() && !session.broken {
        // A batch that failed half-way has begun.
        let _not_begun = session.batch("ROLLBACK");
    }
    opened
}

/// Runs the closure, again after a conflict, and gives the statement that ends the transaction: none for what
/// is one statement.
fn run(session: &mut Session, work: &mut dyn Work, attempts: &mut u32) -> &'static str {
    loop {
        *attempts += 1;
        let end = work.run(session, *attempts < ATTEMPTS);
        match (end, opening(work)) {
            (End::Retry, None) => {}
            (End::Commit | End::Rollback, None) => return "",
            (End::Commit, Some(_)) => return "COMMIT",
            (End::Retry, Some(opening)) if session.batch(&format!("ROLLBACK; {opening}")).is_ok() => {}
            (End::Rollback | End::Retry, Some(_)) => return "ROLLBACK",
        }
    }
}
