//! Blobs in a bucket.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;
use veza_core::{SystemRandom, Tasks};
use veza_storage::Backend;
use veza_storage::backend::s3::{S3Backend, S3Config};
use veza_testing_s3::S3Server;

use crate::store;

/// The service, in threads of its own.
pub(crate) struct Service {
    server: S3Server,
    runtime: Runtime,
}

impl Service {
    /// Starts it, and writes down where it is.
    pub(crate) fn start(directory: &Path) -> Self {
        let runtime = store::runtime();
        let server = runtime.block_on(S3Server::start(directory)).unwrap();
        std::fs::write(directory.join("endpoint"), server.config().endpoint.unwrap()).unwrap();
        Self { server, runtime }
    }

    /// No upload is left that nobody ended.
    pub(crate) fn judge(&self) {
        assert_eq!(self.runtime.block_on(self.server.uploads()), 0, "uploads that nobody ended");
    }
}

pub(crate) async fn open(directory: &Path) -> Arc<dyn Backend> {
    let endpoint = std::fs::read_to_string(directory.join("endpoint")).unwrap();
    // It was found out once that it is; a probe would leave one of its own when it is killed.
    let config = S3Config { exclusive_put: Some(true), ..S3Server::config_of(endpoint) };
    Arc::new(S3Backend::open(config, Tasks::new(), Arc::new(SystemRandom)).await.unwrap())
}
