//! `[chat]` in the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, Secret, read_secret};

/// Rooms and messages.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChatConfig {
    /// Bytes of JSON that the body of a message may have.
    pub max_message_bytes: usize,
    /// Rooms that an organisation may have, archived and direct ones included.
    pub max_rooms: u32,
    /// Members that a room may have.
    pub max_members: u32,
    /// Messages, edits and reactions that somebody may send in a minute, to one process. A burst may be as large.
    pub messages_per_minute: u32,
    /// Connections of an organisation at once, to one process.
    pub max_connections: u32,
    /// URL of Redis, over which processes tell each other of new messages. Without it, or while it is away, they find
    /// them within five seconds; a single process needs none.
    pub redis_url: Option<Secret>,
    /// Instead of `redis_url`: a file that holds it.
    pub redis_url_file: Option<std::path::PathBuf>,
    /// Messages that may wait to be written before more are refused with 503, in each of two queues.
    pub queue: usize,
    /// Of these, how many may be of one organisation.
    pub queue_per_tenant: usize,
}

impl Default for ChatConfig {
    fn default() -> Self {
        Self {
            max_message_bytes: 16 * 1024,
            max_rooms: 100_000,
            max_members: 100_000,
            messages_per_minute: 600,
            max_connections: 10_000,
            redis_url: None,
            redis_url_file: None,
            queue: 10_000,
            queue_per_tenant: 2_500,
        }
    }
}

impl ChatConfig {
    /// Reads the secrets that are in files.
    pub fn read_files(&mut self) -> Result<(), ConfigError> {
        read_secret("chat.redis_url", &mut self.redis_url, self.redis_url_file.as_deref())
    }

    /// What cannot work, in sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        check(
            (256..=200 * 1024).contains(&self.max_message_bytes),
            "chat.max_message_bytes must be from 256 to 204800",
        );
        let redis = cfg!(feature = "redis") || self.redis_url.is_none();
        check(redis, "chat.redis_url needs the feature redis of veza-chat");
        check(self.max_rooms > 0, "chat.max_rooms must be at least 1");
        check((2..=1_000_000).contains(&self.max_members), "chat.max_members must be from 2 to 1000000");
        check(self.messages_per_minute > 0, "chat.messages_per_minute must be at least 1");
        check(self.queue_per_tenant > 0, "chat.queue_per_tenant must be at least 1");
        check(self.queue >= self.queue_per_tenant, "chat.queue must be at least chat.queue_per_tenant");
        problems
    }
}
