//! One attempt at a job, from its lease to the ending that is written.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Instrument;
use veza_core::Timestamp;

use crate::context::Context;
use crate::engine::{Claimed, Ending, Lease};
use crate::enqueue::{MAX_PAYLOAD, TRACE};
use crate::handler::{JobError, Outcome};
use crate::id::Token;
use crate::job::Retry;
use crate::runtime::registry::{Execution, Registry};
use crate::service::Jobs;

/// Why an attempt is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Somebody cancelled the job.
    Cancelled,
    /// The process stops, or the tenant was suspended: somebody else does it later.
    GivenBack,
    /// The lease is somebody else's now, or may soon be.
    Lost,
}

/// The means to stop an attempt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    token: CancellationToken,
    why: Arc<OnceLock<Interruption>>,
}

/// What a handler gets between being told to stop and being dropped.
const GRACE: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const CENTURY: TimeDelta = TimeDelta::days(36_525);
/// How many failures a job remembers; `jobs.rescue` has the number as well.
const HISTORY: usize = 10;

impl Stop {
    /// Tells the handler; the first reason counts.
    pub(crate) fn now(&self, why: Interruption) {
        let _first = self.why.set(why);
        self.token.cancel();
    }

    async fn overdue(&self) {
        self.token.cancelled().await;
        tokio::time::sleep(GRACE).await;
    }
}

/// What came of the handler.
enum Came {
    Back(Result<Outcome, JobError>),
    Interrupted,
}

/// Runs the handler of a job and says how its lease ends; `None` when it has ended already.
pub(crate) async fn attempt(
    jobs: &Jobs,
    registry: &Registry,
    job: Claimed,
    token: Token,
    stop: &Stop,
) -> (Lease, Option<Ending>) {
    let db = jobs.db();
    let context = Context::new(db, &job, token, stop.token.clone());
    let lease = context.lease();
    let span = tracing::info_span!(
        "jobs.job.run", job.id = %job.job_id, job.kind = job.kind, tenant.id = %job.tenant_id, job.attempt = job.attempt
    );
    if let Some(place) = job.meta.as_ref().and_then(|meta| meta.get(TRACE)?.as_str()) {
        jobs.link(&span, place);
    }
    let came = run(registry, &job, context.clone(), stop).instrument(span.clone()).await;
    if context.is_completed() {
        return (lease, None);
    }
    let _entered = span.enter();
    let retry = registry.get(job.kind.as_str()).map_or(Retry::DEFAULT, |registered| registered.retry);
    let now = db.clock().now();
    let ending = match (came, stop.why.get()) {
        (Came::Back(Ok(outcome)), _) => ended_well(outcome, now),
        (_, Some(Interruption::Cancelled)) => Ok(Ending::Cancelled),
        // Who took the lease has another token; a lease that nobody took would be ours for its whole time.
        (_, Some(Interruption::GivenBack | Interruption::Lost)) => {
            Ok(Ending::Again { run_at: None, step: -1, meta: None })
        }
        (Came::Back(Err(error)), None) => Err(error),
        (Came::Interrupted, None) => Err(JobError::Retry(format!("timed out after {} ms", job.timeout_ms))),
    };
    let ending = ending.unwrap_or_else(|error| {
        let noise = u32::from_be_bytes(veza_core::bytes(&**db.random()));
        failed(&job, &error, retry, now, noise)
    });
    (lease, Some(ending))
}

async fn run(registry: &Registry, job: &Claimed, context: Context, stop: &Stop) -> Came {
    let Some(registered) = registry.get(job.kind.as_str()) else {
        return Came::Back(Err(JobError::Retry(format!("this program has no handler for {}", job.kind))));
    };
    let execution = Execution::new(context, job.payload.clone());
    let work = AssertUnwindSafe(registered.run.clone().oneshot(execution)).catch_unwind();
    let timeout = Duration::from_millis(u64::try_from(job.timeout_ms).unwrap_or(0));
    tokio::select! {
        biased;
        came = work => Came::Back(came.unwrap_or_else(|panic| Err(panicked(&*panic)))),
        () = tokio::time::sleep(timeout) => {
            stop.token.cancel();
            Came::Interrupted
        }
        () = stop.overdue() => Came::Interrupted,
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> JobError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    JobError::Retry(format!("panicked: {}", text.unwrap_or("with no message")))
}

fn ended_well(outcome: Outcome, now: Timestamp) -> Result<Ending, JobError> {
    Ok(match outcome {
        Outcome::Done => Ending::Done { result: None },
        Outcome::Result(value) => {
            let result = value.to_string();
            if result.len() > MAX_PAYLOAD {
                return Err(JobError::Fatal(format!(
                    "the result has {} bytes, more than {MAX_PAYLOAD}",
                    result.len()
                )));
            }
            Ending::Done { result: Some(result) }
        }
        Outcome::Snooze(pause) => Ending::Again { run_at: Some(after(now, pause)), step: -1, meta: None },
        Outcome::Cancel => Ending::Cancelled,
    })
}

fn failed(job: &Claimed, error: &JobError, retry: Retry, now: Timestamp, noise: u32) -> Ending {
    let text = legible(error.message());
    tracing::warn!(error = %text, "a job failed");
    let meta = Some(remember(job, &text, now));
    let attempt = u16::try_from(job.attempt).unwrap_or(1);
    let pause = match error {
        JobError::Fatal(_) => return Ending::Dead { reason: "fatal", error: text, meta },
        _ if job.attempt >= job.max_attempts => {
            return Ending::Dead { reason: "failed", error: text, meta };
        }
        JobError::RetryAfter(pause, _) => *pause,
        JobError::Retry(_) => retry.pause(attempt, noise),
    };
    Ending::Again { run_at: Some(after(now, pause)), step: 0, meta }
}

/// What is to wait for ever waits for a century; it must not come at once.
fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now + TimeDelta::from_std(pause).unwrap_or(CENTURY).min(CENTURY)
}

/// What PostgreSQL can hold, and people want to read.
pub(crate) fn legible(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(2_000).collect()
}

/// The job's notes with one more failure in its history.
pub(crate) fn remember(job: &Claimed, error: &str, now: Timestamp) -> String {
    let mut meta = job.meta.clone().filter(Value::is_object).unwrap_or_else(|| json!({}));
    let mut errors = meta.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    errors.push(json!({ "attempt": job.attempt, "at": now, "error": error }));
    let surplus = errors.len().saturating_sub(HISTORY);
    errors.drain(..surplus);
    if let Some(notes) = meta.as_object_mut() {
        notes.insert("errors".to_owned(), errors.into());
    }
    meta.to_string()
}
