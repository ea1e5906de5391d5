//! `[jobs]` in the configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, Period, Secret, read_secret};

/// Queues and workers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// How many jobs of each queue run at once in a process, as in `queues.mail = 8`.
    pub queues: BTreeMap<String, u32>,
    /// The same for queues that `queues` does not name.
    pub concurrency: u32,
    /// How long jobs may go on when the process stops. Then they are given back, and no attempt is counted.
    /// In `veza serve` as long as `server.drain_timeout` at most.
    pub drain_timeout: Period,
    /// How often a process looks for jobs that no doorbell told of. Also how late a delayed job may be.
    pub poll: Period,
    /// How a process hears of jobs that others enqueue.
    pub doorbell: DoorbellKind,
    /// URL for LISTEN, for the role `veza_jobs`; not through a pooler in transaction mode, and not over TLS.
    /// Default: that of the pool. Where it does not work, processes poll.
    pub listen_url: Option<Secret>,
    /// Instead of `listen_url`: a file that holds it.
    pub listen_url_file: Option<std::path::PathBuf>,
    /// URL of Redis, for the doorbell `redis`.
    pub redis_url: Option<Secret>,
    /// Instead of `redis_url`: a file that holds it.
    pub redis_url_file: Option<std::path::PathBuf>,
    /// A process that was silent for so long is thought dead, and its jobs go to others. At least 6s.
    pub silence: Period,
    /// For how many days a job that asks to be kept is kept after its end.
    pub keep_days: u16,
    /// Webhooks.
    #[cfg(feature = "webhook")]
    pub webhook: crate::webhook::WebhookConfig,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            concurrency: 16,
            drain_timeout: Period::from_secs(15),
            poll: Period::from_secs(1),
            doorbell: DoorbellKind::Notify,
            listen_url: None,
            listen_url_file: None,
            redis_url: None,
            redis_url_file: None,
            silence: Period::from_secs(15),
            keep_days: 7,
            #[cfg(feature = "webhook")]
            webhook: crate::webhook::WebhookConfig::default(),
        }
    }
}

/// How a process hears of jobs that others enqueue. Within a process no doorbell is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DoorbellKind {
    /// PostgreSQL tells it: NOTIFY in a small transaction of its own, after the commit.
    Notify,
    /// Redis tells it.
    Redis,
    /// It looks, once every `poll`.
    Poll,
}

impl JobsConfig {
    /// Reads the secrets that are in files.
    pub fn read_files(&mut self) -> Result<(), ConfigError> {
        read_secret("jobs.listen_url", &mut self.listen_url, self.listen_url_file.as_deref())?;
        read_secret("jobs.redis_url", &mut self.redis_url, self.redis_url_file.as_deref())
    }

    /// What cannot work, in sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        let sensible = |slots: u32| (1..=100_000).contains(&slots);
        check(sensible(self.concurrency), "jobs.concurrency must be from 1 to 100000");
        for (queue, slots) in &self.queues {
            check(
                crate::QueueName::new(queue.clone()).is_ok(),
                &format!("jobs.queues.{queue} is no queue's name"),
            );
            check(sensible(*slots), &format!("jobs.queues.{queue} must be from 1 to 100000"));
        }
        check(
            self.doorbell != DoorbellKind::Redis || self.redis_url.is_some(),
            "jobs.redis_url must be set for jobs.doorbell = redis",
        );
        check(self.poll >= Period::from_millis(10), "jobs.poll must be at least 10ms");
        check(
            self.silence >= Period::from_secs(6),
            "jobs.silence must be at least 6s: a process beats every 2s",
        );
        problems
    }
}
