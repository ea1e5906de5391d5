//! Subscriptions: bindings that a program declares in its code, for every tenant.

use std::borrow::Cow;
use std::time::Duration;

use diesel::sql_types::{Integer, SmallInt, Text, Timestamptz};
use veza_core::{DbError, DispatchTx, Query, Write};

use super::event::{Event, Target};
use super::exchange::check_name;
use super::pattern::Pattern;
use crate::error::Error;
use crate::job::{Job, Options, Retry};
use crate::queue::QueueName;

/// A binding of a program: what matches becomes a job for its handler
/// ([`RuntimeBuilder::subscribe`](crate::RuntimeBuilder::subscribe)), whichever tenant's it is.
///
/// The first runtime that starts writes it down, so publishers in other processes know it. It stays
/// until [`RuntimeBuilder::unsubscribe`](crate::RuntimeBuilder::unsubscribe): while no worker runs, events
/// wait in its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Subscription {
    pub(crate) name: &'static str,
    pub(crate) exchange: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) attempts: u16,
    pub(crate) timeout: Duration,
}

impl Subscription {
    /// Whatever is published to `exchange` with a routing key that matches `pattern`. The name is one in
    /// the deployment, and follows the rule of queues' names.
    pub const fn new(name: &'static str, exchange: &'static str, pattern: &'static str) -> Self {
        Self {
            name,
            exchange,
            pattern,
            queue: "default",
            attempts: Retry::DEFAULT.attempts,
            timeout: Options::TIMEOUT,
        }
    }

    /// Another queue than `default`. Its dead letters are those of this queue.
    pub const fn queue(mut self, name: &'static str) -> Self {
        self.queue = name;
        self
    }

    /// Attempts in all, at least 1.
    pub const fn attempts(mut self, attempts: u16) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long an attempt may take, from a millisecond to a day.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The kind of its jobs: subscriptions in one queue have handlers of their own.
    pub(crate) fn kind(&self) -> Cow<'static, str> {
        kind(self.name).into()
    }

    /// What is wrong with it, in sentences.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut check = |good: bool, what: &str| {
            if !good {
                mistakes.push(format!("the subscription {} has {what}", self.name));
            }
        };
        check(check_name(self.name).is_ok(), "a name that breaks the rule");
        check(check_name(self.exchange).is_ok(), "an exchange's name that breaks the rule");
        check(self.pattern.parse::<Pattern>().is_ok(), "a pattern that is none");
        check(QueueName::new(self.queue).is_ok(), "a queue's name that breaks the rule");
        check(i16::try_from(self.attempts).is_ok_and(|n| n > 0), "no attempt, or more than 32767");
        check(self.timeout_ms().is_ok(), "a timeout that is not from a millisecond to a day");
        mistakes
    }

    fn timeout_ms(&self) -> Result<i32, Error> {
        crate::enqueue::timeout(&Options::default().timeout(self.timeout))
    }
}

fn kind(name: &str) -> String {
    format!("{}:{name}", Event::KIND)
}

/// Where the events of the subscription `name` go.
pub(super) fn target(name: &str, queue: String, attempts: Option<i16>, timeout_ms: Option<i32>) -> Target {
    let mut options = Options::default();
    if let Some(attempts) = attempts.and_then(|attempts| u16::try_from(attempts).ok()) {
        options = options.attempts(attempts);
    }
    if let Some(milliseconds) = timeout_ms.and_then(|ms| u64::try_from(ms).ok()) {
        options = options.timeout(Duration::from_millis(milliseconds));
    }
    Target { queue: QueueName::stored(queue), kind: kind(name), options }
}

/// Writes a subscription down, so that publishers know it.
pub(crate) fn declare(tx: &mut DispatchTx<'_>, subscription: &Subscription) -> Result<(), DbError> {
    let attempts = i16::try_from(subscription.attempts).unwrap_or(i16::MAX);
    let statement = diesel::sql_query(
        "INSERT INTO jobs.subscriptions AS s (name, exchange, pattern, queue, max_attempts, timeout_ms, declared_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (name) DO UPDATE SET exchange = excluded.exchange, pattern = excluded.pattern, \
         queue = excluded.queue, max_attempts = excluded.max_attempts, timeout_ms = excluded.timeout_ms, \
         declared_at = excluded.declared_at",
    )
    .bind::<Text, _>(subscription.name)
    .bind::<Text, _>(subscription.exchange)
    .bind::<Text, _>(subscription.pattern)
    .bind::<Text, _>(subscription.queue)
    .bind::<SmallInt, _>(attempts)
    .bind::<Integer, _>(subscription.timeout_ms().unwrap_or(i32::MAX))
    .bind::<Timestamptz, _>(tx.now());
    tx.execute(statement).map(drop)
}

/// Takes a subscription off the list. Jobs that are in its queue stay there.
pub(crate) fn withdraw(tx: &mut DispatchTx<'_>, name: &str) -> Result<(), DbError> {
    let statement = diesel::sql_query("DELETE FROM jobs.subscriptions WHERE name = $1").bind::<Text, _>(name);
    tx.execute(statement).map(drop)
}
