//! A closure on its way through the executor and back to the task that waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::DbError;
use super::session::Session;
use super::signal::{Signal, Signals};
use super::tx::{Marks, Open};
use crate::clock::Clock;
use crate::random::Random;

/// One transaction, as the executor sees it.
pub(crate) trait Work: Send {
    /// When it must have ended.
    fn deadline(&self) -> Instant;
    /// Nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
    /// The statements that open it; `budget` is the time left to it. `None` when it is one statement, which needs
    /// nothing around it.
    fn opening(&self, budget: Duration) -> Option<String>;
    /// Runs its closure on an open transaction and says how to end it; `may_retry` allows
    /// [`End::Retry`].
    fn run(&mut self, session: &mut Session, may_retry: bool) -> End;
    /// Tells whoever waits how it ended; `closed` is the answer to COMMIT or ROLLBACK.
    fn settle(self: Box<Self>, closed: Result<(), DbError>);
}

/// How a transaction is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    Rollback,
    /// Roll back and run it again.
    Retry,
}

/// Runs a user's closure on an open transaction.
pub(crate) trait Body<T, E>: Send {
    fn call(&mut self, open: Open<'_>) -> (Result<T, E>, Marks, Vec<Signal>);
    /// The statements that open the transaction, unless it is one statement.
    fn opening(&self) -> Option<String>;
}

/// See the module.
pub(crate) struct Task<T, E, B> {
    pub(crate) body: B,
    pub(crate) deadline: Instant,
    pub(crate) statement_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Where the task is that waits.
    pub(crate) trace: Option<String>,
    pub(crate) outcome: Option<Result<T, E>>,
    /// What to tell, and whom, once it is committed.
    pub(crate) news: Vec<Signal>,
    pub(crate) signals: Arc<Signals>,
    /// Whether the closure is given back, to run elsewhere, when the database is away.
    pub(crate) movable: bool,
    pub(crate) answer: oneshot::Sender<Answer<T, E, B>>,
}

/// What the task that waits gets.
pub(crate) enum Answer<T, E, B> {
    Done(Result<T, E>),
    /// This database is away; here is the closure again.
    Moved(B),
}

impl<T, E, B> Work for Task<T, E, B>
where
    T: Send,
    E: From<DbError> + Send,
    B: Body<T, E>,
{
    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn opening(&self, budget: Duration) -> Option<String> {
        let mut sql = self.body.opening()?;
        if budget < self.statement_timeout {
            // Zero would mean no limit.
            let milliseconds = budget.as_millis().max(1);
            sql = format!("{sql}; SET LOCAL statement_timeout = {milliseconds}");
        }
        Some(sql)
    }

    fn run(&mut self, session: &mut Session, may_retry: bool) -> End {
        let random = Arc::clone(&self.random);
        let clock = Arc::clone(&self.clock);
        let open = Open::new(session, &*clock, &*random, self.deadline, self.trace.as_deref());
        // Of an attempt that was rolled back nothing is left.
        self.outcome = None;
        self.news.clear();
        // The closure owns nothing that a later one could see: a panic ends in ROLLBACK.
        let called = catch_unwind(AssertUnwindSafe(|| self.body.call(open)));
        let (outcome, end) = match called {
            Ok((_, marks, _)) if marks.conflicted && may_retry => return End::Retry,
            Ok((Ok(_), marks, _)) if marks.failed => (Err(DbError::Aborted.into()), End::Rollback),
            Ok((Ok(done), _, news)) => {
                self.news = news;
                (Ok(done), End::Commit)
            }
            Ok((Err(error), ..)) => (Err(error), End::Rollback),
            Err(_panic) => (Err(DbError::Panicked.into()), End::Rollback),
        };
        self.outcome = Some(outcome);
        end
    }

    fn settle(self: Box<Self>, closed: Result<(), DbError>) {
        if self.movable && matches!(closed, Err(DbError::Unavailable)) {
            let _unheard = self.answer.send(Answer::Moved(self.body));
            return;
        }
        let outcome = match (self.outcome, closed) {
            // It failed on its own; how the rollback went changes nothing.
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (Some(done), Ok(())) => {
                self.signals.tell(&self.news);
                done
            }
            (None, Ok(())) => Err(DbError::Unavailable.into()),
        };
        // Nobody waits any more: the transaction has ended all the same.
        let _unheard = self.answer.send(Answer::Done(outcome));
    }
}
