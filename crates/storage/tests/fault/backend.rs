//! Blobs in a directory.

use std::path::Path;
use std::sync::Arc;

use veza_core::SystemRandom;
use veza_storage::Backend;
use veza_storage::backend::fs::{FsBackend, FsConfig};

/// What the backend needs while the test runs.
pub(crate) struct Service;

impl Service {
    pub(crate) fn start(_: &Path) -> Self {
        Self
    }

    /// Nothing is left in it but blobs, which others judge: a put is one file, which the kernel or the next process removes.
    #[expect(clippy::unused_self, reason = "other backends can be asked")]
    pub(crate) fn judge(&self) {}
}

pub(crate) async fn open(directory: &Path) -> Arc<dyn Backend> {
    let files = FsConfig::new(directory.join("files"));
    Arc::new(FsBackend::open(files, Arc::new(SystemRandom)).await.unwrap())
}
