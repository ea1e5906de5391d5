//! Blobs in a directory.

use std::path::Path;
use std::sync::Arc;

use veza_core::SystemRandom;
use veza_storage::Backend;
use veza_storage::backend::fs::{FsBackend, FsConfig};

/// What the backend needs while the test runs.
pub(crate) struct Service {
    uploads: usize,
}

impl Service {
    pub(crate) fn start(_: &Path) -> Self {
        // A put is one file, which the kernel or the next process removes.
        Self { uploads: 0 }
    }

    /// Uploads that nobody ended.
    pub(crate) fn uploads(&self) -> usize {
        self.uploads
    }
}

pub(crate) async fn open(directory: &Path) -> Arc<dyn Backend> {
    let files = FsConfig::new(directory.join("files"));
    Arc::new(FsBackend::open(files, Arc::new(SystemRandom)).await.unwrap())
}
