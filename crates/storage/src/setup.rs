//! Storage as the configuration has it.

use std::sync::Arc;

use veza_core::Db;

use crate::backend::fs::{FsBackend, FsConfig};
use crate::crypt::{LocalRootKey, RootKey};
use crate::{Error, Storage, StorageConfig};

/// What rows call files in `storage.directory`.
const FILES: &str = "fs";

impl Storage {
    /// Files in the directory that is configured, encrypted with the root key that is; none where there is no
    /// directory.
    ///
    /// # Errors
    /// [`Error::Setup`] when the directory or the root key cannot be used.
    pub async fn configured(db: Db, config: StorageConfig) -> Result<Option<Self>, Error> {
        let Some(directory) = config.directory.clone() else { return Ok(None) };
        let backend = FsBackend::open(FsConfig::new(directory), Arc::clone(db.random())).await?;
        let root = match config.root_key_file.clone() {
            Some(path) => {
                let random = Arc::clone(db.random());
                let opened = tokio::task::spawn_blocking(move || LocalRootKey::open(&path, random)).await;
                let failed = |panic| Error::Failed { what: "reading the root key", source: Box::new(panic) };
                let root: Arc<dyn RootKey> = Arc::new(opened.map_err(failed)??);
                Some(root)
            }
            None => None,
        };
        Self::new(db, config, FILES, Arc::new(backend), root).map(Some)
    }
}
