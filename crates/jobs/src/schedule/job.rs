//! What a schedule enqueues.

use serde_json::Value;
use veza_core::{Query, TenantTx};

use crate::enqueue::NewJob;
use crate::error::Error;
use crate::id::ScheduleId;
use crate::job::{Job, Options, Retry};
use crate::pull;
use crate::queue::QueueName;

/// The largest payload of a schedule, in bytes: a hundred ticks that were missed come together.
pub const MAX_SCHEDULED_PAYLOAD: usize = 64 * 1024;

/// A job as a schedule keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduledJob {
    pub(super) queue: QueueName,
    pub(super) kind: String,
    pub(super) payload: Value,
    pub(super) options: Options,
    pub(super) attempts: u16,
}

impl ScheduledJob {
    /// A job with its own options. Its delay and its unique key do not count: the tick says when, and that
    /// it is there once.
    pub fn new<J: Job>(job: &J) -> Result<Self, Error> {
        Self::with(job, job.options())
    }

    /// The same with other options.
    pub fn with<J: Job>(job: &J, options: Options) -> Result<Self, Error> {
        let payload = serde_json::to_value(job)
            .map_err(|error| Error::Unserializable { kind: J::KIND, error: error.to_string() })?;
        let queue = QueueName::new(options.queue.clone().unwrap_or(J::QUEUE.into()))?;
        Ok(Self {
            queue,
            kind: J::KIND.to_owned(),
            payload,
            options: Options { start: crate::Start::Now, unique: None, ..options },
            attempts: J::RETRY.attempts,
        })
    }

    /// A message to a tenant's queue of the pull API, received as often and as large as the queue says when the
    /// schedule is made or changed. The queue stays as long as the schedule does.
    pub fn message(queue: &str, payload: Value) -> Result<Self, Error> {
        let queue = QueueName::pull(queue)?;
        let (kind, options) = (pull::KIND.to_owned(), Options::default());
        Ok(Self { queue, kind, payload, options, attempts: Retry::DEFAULT.attempts })
    }

    /// The job as it would be enqueued now; checks that it can be.
    pub(super) fn now(&self, tx: &impl Query, id: ScheduleId, tick: Option<i64>) -> Result<NewJob, Error> {
        let payload = self.payload.to_string();
        let mut job = NewJob::new(tx, self.queue.clone(), &self.kind, payload, &self.options, self.attempts)?;
        let tick = tick.and_then(|tick| chrono::DateTime::from_timestamp(tick, 0));
        job.meta.insert("schedule".to_owned(), serde_json::json!({ "id": id, "tick_at": tick }));
        Ok(job)
    }

    /// The job as it is kept: one that can be enqueued, in a queue that there is.
    pub(super) fn check(&self, tx: &mut TenantTx<'_>) -> Result<NewJob, Error> {
        let kept = pull::keep(tx, &self.queue, "/queue")?;
        let attempts = kept.as_ref().map_or(self.attempts, pull::Kept::receives);
        let job = Self { attempts, ..self.clone() }.now(tx, tx.new_id(), None)?;
        let size = job.payload.len();
        if size > MAX_SCHEDULED_PAYLOAD {
            return Err(Error::too_large("/payload", size, MAX_SCHEDULED_PAYLOAD, "64 KiB at most"));
        }
        if let Some(kept) = kept {
            pull::fits(&self.queue, kept.max_message_bytes, size, "/payload")?;
        }
        Ok(job)
    }
}
