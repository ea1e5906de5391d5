//! What a job is, as a type, and how it wants to be run.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use veza_core::Timestamp;

/// Work to be done later: a value that is stored as JSON and given to its [`Handler`](crate::Handler).
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use veza_jobs::{Job, Options};
///
/// #[derive(Debug, Serialize, Deserialize)]
/// struct SendInvoice { invoice: u64 }
///
/// impl Job for SendInvoice {
///     const KIND: &'static str = "billing.send_invoice";
///     fn options(&self) -> Options {
///         Options::default().unique(format!("{}", self.invoice))
///     }
/// }
/// ```
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name in the database: `noun.verb`. Jobs outlive releases, so it never changes.
    const KIND: &'static str;
    /// The queue it waits in, unless its options name another.
    const QUEUE: &'static str = "default";
    /// What happens after a failure.
    const RETRY: Retry = Retry::DEFAULT;

    /// How this one wants to be run.
    fn options(&self) -> Options {
        Options::default()
    }
}

/// What happens after failures: attempts, and growing pauses between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all; after the last failure the job is a dead letter.
    pub attempts: u16,
    /// The pause after the first failure. Each further pause is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Retry {
    /// Sixteen attempts: pauses from five seconds to an hour, about half a day in all.
    pub const DEFAULT: Self =
        Self { attempts: 16, first: Duration::from_secs(5), longest: Duration::from_hours(1) };
    /// One attempt.
    pub const NEVER: Self = Self { attempts: 1, ..Self::DEFAULT };

    /// The pause after attempt number `attempt` (from 1) failed, give or take a fifth, so that jobs that
    /// failed together do not come back together; `noise` is any random number.
    pub fn pause(&self, attempt: u16, noise: u32) -> Duration {
        let doublings = u32::from(attempt.saturating_sub(1)).min(32);
        let pause = self.first.saturating_mul(2_u32.saturating_pow(doublings)).min(self.longest);
        pause.mul_f64(0.8 + 0.4 * f64::from(noise) / f64::from(u32::MAX))
    }
}

/// Before others or behind them, from -9 to 9. Each level is worth a head start of one minute over jobs
/// of the level below, so a job of low priority waits longer, but not for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Priority(i8);

/// What one level of priority is worth, in microseconds.
pub(crate) const HEAD_START: i64 = 60_000_000;

impl Priority {
    /// Somebody waits for it.
    pub const HIGH: Self = Self(5);
    /// The usual one.
    pub const NORMAL: Self = Self(0);
    /// Whenever there is time.
    pub const LOW: Self = Self(-5);

    /// A level; beyond -9 and 9 it is cut.
    pub const fn new(level: i8) -> Self {
        Self(if level > 9 {
            9
        } else if level < -9 {
            -9
        } else {
            level
        })
    }

    /// The level.
    pub const fn level(self) -> i8 {
        self.0
    }

    /// The place in the order of a lane of a job that becomes due at `due`.
    pub(crate) fn rank(self, due: Timestamp) -> i64 {
        due.timestamp_micros().saturating_sub(i64::from(self.0) * HEAD_START)
    }
}

/// When a job may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// As soon as its transaction is committed and a worker is free.
    #[default]
    Now,
    /// Not before so much time has passed.
    After(Duration),
    /// Not before this moment.
    At(Timestamp),
}

/// A job that must not be there twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unique {
    pub(crate) key: Cow<'static, str>,
    pub(crate) period: Option<Duration>,
}

/// How a job wants to be run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct Options {
    pub(crate) queue: Option<Cow<'static, str>>,
    pub(crate) priority: Priority,
    pub(crate) start: Start,
    pub(crate) attempts: Option<u16>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) unique: Option<Unique>,
    pub(crate) keep: bool,
}

impl Options {
    /// How long an attempt may take when nothing else is said.
    pub const TIMEOUT: Duration = Duration::from_mins(5);

    /// Another queue than the job's own.
    pub fn queue(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.queue = Some(name.into());
        self
    }

    /// Before others or behind them.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Not before so much time has passed.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.start = Start::After(delay);
        self
    }

    /// Not before this moment.
    pub fn run_at(mut self, moment: Timestamp) -> Self {
        self.start = Start::At(moment);
        self
    }

    /// Attempts in all, instead of the job's own number; at least 1.
    pub fn attempts(mut self, attempts: u16) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// How long an attempt may take. It ends then, as a failure. From a millisecond to a day.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Enqueueing it again does nothing and answers with the first, until that has ended. The key is
    /// one of the tenant and of the job's kind.
    pub fn unique(mut self, key: impl Into<Cow<'static, str>>) -> Self {
        self.unique = Some(Unique { key: key.into(), period: None });
        self
    }

    /// The same for `period` from now, whether or not the first has ended.
    pub fn unique_for(mut self, key: impl Into<Cow<'static, str>>, period: Duration) -> Self {
        self.unique = Some(Unique { key: key.into(), period: Some(period) });
        self
    }

    /// Keeps a row about how it ended, with its result, for the days that `jobs.keep_days` says.
    pub fn keep(mut self) -> Self {
        self.keep = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        let retry = Retry::DEFAULT;
        assert_eq!(retry.pause(1, 0), Duration::from_secs(4));
        assert_eq!(retry.pause(1, u32::MAX), Duration::from_secs(6));
        assert!(retry.pause(3, 0) > retry.pause(2, 0));
        for attempt in [15, 100, u16::MAX] {
            let pause = retry.pause(attempt, u32::MAX);
            assert!(pause <= retry.longest.mul_f64(1.21) && pause > retry.longest, "{pause:?}");
        }
    }

    #[test]
    fn a_level_is_worth_a_minute() {
        let now = Timestamp::from_timestamp(1_000_000, 0).unwrap();
        let later = now + chrono::TimeDelta::seconds(301);
        assert!(Priority::HIGH.rank(later - chrono::TimeDelta::seconds(2)) < Priority::NORMAL.rank(now));
        assert!(Priority::HIGH.rank(later) > Priority::NORMAL.rank(now));
        assert_eq!(Priority::new(100).level(), 9);
        assert_eq!(Priority::new(-100).level(), -9);
    }
}
