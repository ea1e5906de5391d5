//! `[jobs]` in the configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veza_core::config::Period;

/// Queues and workers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// How many jobs of each queue run at once in a process, as in `queues.mail = 8`.
    pub queues: BTreeMap<String, u32>,
    /// The same for queues that `queues` does not name.
    pub concurrency: u32,
    /// How long jobs may go on when the process stops. Then they are given back, and no attempt is counted.
    pub drain_timeout: Period,
    /// How often a process looks for jobs that no doorbell told of. Also how late a delayed job may be.
    pub poll: Period,
    /// A process that was silent for so long is thought dead, and its jobs go to others. At least 6s.
    pub silence: Period,
    /// For how many days a job that asks to be kept is kept after its end.
    pub keep_days: u16,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            concurrency: 16,
            drain_timeout: Period::from_secs(15),
            poll: Period::from_secs(1),
            silence: Period::from_secs(15),
            keep_days: 7,
        }
    }
}

impl JobsConfig {
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
        check(self.poll >= Period::from_millis(10), "jobs.poll must be at least 10ms");
        check(
            self.silence >= Period::from_secs(6),
            "jobs.silence must be at least 6s: a process beats every 2s",
        );
        problems
    }
}
