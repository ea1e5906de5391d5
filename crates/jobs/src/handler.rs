//! Who does the work, and what becomes of a job after it.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use serde::Serialize;

use crate::context::Context;
use crate::job::Job;

/// Does jobs of one kind. Async functions of `(J, Context)` are handlers; a struct that holds clients
/// or configuration implements it.
///
/// A job may run more than once: a process may die after the work and before saying so. What a job
/// does to the database happens exactly once through [`Context::complete_in`].
pub trait Handler<J: Job>: Send + Sync + 'static {
    /// Does one job. It is dropped at its next await when its time is up.
    fn run(&self, job: J, cx: Context) -> impl Future<Output = Result<Outcome, JobError>> + Send;
}

impl<J, F, Fut, R> Handler<J> for F
where
    J: Job,
    F: Fn(J, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, JobError>> + Send,
    R: Into<Outcome>,
{
    async fn run(&self, job: J, cx: Context) -> Result<Outcome, JobError> {
        self(job, cx).await.map(Into::into)
    }
}

/// What a handler says when nothing went wrong.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is done, and this is its result, for jobs that are kept ([`Options::keep`](crate::Options::keep)).
    Result(serde_json::Value),
    /// Not now: again after this pause. It uses up no attempt.
    Snooze(Duration),
    /// It is not to be done at all any more.
    Cancel,
}

impl Outcome {
    /// Done, with a result.
    pub fn result(value: &impl Serialize) -> Result<Self, JobError> {
        Ok(Self::Result(serde_json::to_value(value)?))
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Done
    }
}

/// What a handler says when something went wrong. Any error becomes [`JobError::Retry`] with `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobError {
    /// Again after the pause that the job's [`Retry`](crate::Retry) says.
    Retry(String),
    /// Again after this pause.
    RetryAfter(Duration, String),
    /// Trying again is of no use: it becomes a dead letter at once.
    Fatal(String),
}

impl JobError {
    /// Again after the usual pause.
    pub fn retry(error: impl fmt::Display) -> Self {
        Self::Retry(error.to_string())
    }

    /// Of no use to try again.
    pub fn fatal(error: impl fmt::Display) -> Self {
        Self::Fatal(error.to_string())
    }

    /// What went wrong, in words.
    pub fn message(&self) -> &str {
        match self {
            Self::Retry(message) | Self::RetryAfter(_, message) | Self::Fatal(message) => message,
        }
    }
}

impl<E: std::error::Error> From<E> for JobError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many errors repeat their cause.
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        Self::Retry(text)
    }
}
