//! How a client is to be.

use std::sync::Arc;
use std::time::Duration;

use veza_core::{Clock, Random, SystemClock, SystemRandom};

use super::endpoint::Endpoint;
use super::retry::Backoff;
use super::token::Tokens;

/// How a client is to be.
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) endpoint: Endpoint,
    pub(super) tokens: Arc<dyn Tokens>,
    pub(super) backoff: Backoff,
    pub(super) patience: Duration,
    pub(super) queue: usize,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

impl Options {
    /// A client of the server at `endpoint`, who shows what `tokens` gives.
    pub fn new(endpoint: Endpoint, tokens: impl Tokens) -> Self {
        Self {
            endpoint,
            tokens: Arc::new(tokens),
            backoff: Backoff::default(),
            patience: Duration::from_secs(10),
            queue: 10_000,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// Other pauses between attempts to connect.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long connecting, and the answer to `hello`, may take: 10 s unless this says otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many pushes may wait to be taken before nothing more is read: 10 000 unless this says otherwise.
    #[must_use]
    pub fn queue(mut self, pushes: usize) -> Self {
        self.queue = pushes.max(1);
        self
    }
}
