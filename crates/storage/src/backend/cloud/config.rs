//! How to speak to a cloud, whichever it is.

use std::path::PathBuf;
use std::time::Duration;

use object_store::{BackoffConfig, RetryConfig};

use crate::Error;
use crate::backend::names;

/// What is configured of every cloud.
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// What the names of blobs begin with: empty, or words that end with `/`, of `a-z A-Z 0-9 - _ . /`.
    pub prefix: String,
    /// Bytes of the parts of a large put, of which there may be 10,000. A put needs twice as much memory. Google
    /// takes no parts below 5 MiB.
    pub part_size: usize,
    /// Certificates that are trusted instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// How often a request is tried.
    pub attempts: usize,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long the service may say nothing.
    pub read_timeout: Duration,
    /// How long all attempts of a request may take.
    pub timeout: Duration,
}

impl Default for CloudConfig {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            part_size: 8 * 1024 * 1024,
            ca_file: None,
            attempts: 4,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_mins(1),
            timeout: Duration::from_mins(3),
        }
    }
}

impl CloudConfig {
    /// What cannot work: these settings, or an endpoint or name of the place.
    pub(super) fn check(&self, endpoint: Option<&str>, place: &str) -> Result<(), Error> {
        let url = endpoint.unwrap_or("https://");
        let rules = [
            (names::is_word(place), "its name is a word of a-z, A-Z, 0-9, '-', '_' and '.'"),
            (names::is_prefix(&self.prefix), "the prefix is empty, or words with '/' behind each"),
            (url.starts_with("http://") || url.starts_with("https://"), "the endpoint is a URL"),
            (self.part_size > 0, "part_size is at least one byte"),
            (self.attempts > 0, "there is at least one attempt"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(Error::Setup(rule.to_owned())),
            None => Ok(()),
        }
    }

    pub(super) fn retries(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: self.attempts.saturating_sub(1),
            retry_timeout: self.timeout,
        }
    }
}
