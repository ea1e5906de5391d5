//! What workers and the judge share.

use std::path::Path;
use std::sync::Arc;

use veza_core::config::Period;
use veza_core::{Db, SystemRandom};
use veza_storage::crypt::{LocalRootKey, RootKey};
use veza_storage::{Backend, Storage, StorageConfig};

use crate::backend;

/// What is overwritten there is gone.
const PLAIN: &str = "files";
/// What is overwritten there stays as a version, until a rule ends it.
pub(crate) const VERSIONED: &str = "versions";

pub(crate) const BUCKETS: [&str; 2] = [PLAIN, VERSIONED];

/// Makes the root key.
pub(crate) fn prepare(directory: &Path) {
    LocalRootKey::create(&directory.join("root"), "first", &SystemRandom).unwrap();
}

/// The files whose rows are in a database.
pub(crate) async fn open(db: Db, directory: &Path) -> (Storage, Arc<dyn Backend>) {
    let backend = backend::open(directory).await;
    let root: Arc<dyn RootKey> =
        Arc::new(LocalRootKey::open(&directory.join("root"), Arc::new(SystemRandom)).unwrap());
    let config = StorageConfig {
        recovery_window: Period::from_secs(1),
        second_look: Period::from_secs(1),
        upload_timeout: Period::from_secs(10),
        upload_lifetime: Period::from_secs(20),
        ..StorageConfig::default()
    };
    (Storage::new(db, config, "blobs", Arc::clone(&backend), Some(root)).unwrap(), backend)
}

/// The bytes of an object, out of what its metadata says.
pub(crate) fn content(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| seed.wrapping_add(at.to_le_bytes()[0]).wrapping_mul(31) ^ at.to_le_bytes()[1]).collect()
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
