//! A directory of its own for every test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use veza_core::{Random, SystemRandom, bytes};
use veza_storage::BlobKey;
use veza_storage::backend::fs::{FsBackend, FsConfig};

use crate::conformance::stage::Stage;

/// Small, so that bodies of many steps are small as well.
pub(crate) const STEP: usize = 32 * 1024;

/// A directory that is removed with all in it.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let random: &dyn Random = &SystemRandom;
        let name = u64::from_le_bytes(bytes::<8>(random));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("storage-{name:016x}"));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A new backend in this directory.
    pub(crate) async fn open(&self, anonymous: bool) -> FsBackend {
        open(&self.0, anonymous).await
    }

    /// Where a blob lies.
    pub(crate) fn path_of(&self, key: BlobKey) -> PathBuf {
        let (tenant, blob) = (key.tenant().to_string(), key.blob().to_string());
        self.0.join("store/blobs").join(tenant).join(&blob[..5]).join(&blob[5..7]).join(blob)
    }

    /// The names of all files below a directory of the store.
    pub(crate) fn files(&self, below: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.0.join("store").join(below), &mut found);
        found
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

pub(crate) async fn open(path: &Path, anonymous: bool) -> FsBackend {
    let config = FsConfig { step: STEP, threads: 4, anonymous, ..FsConfig::new(path.join("store")) };
    FsBackend::open(config, Arc::new(SystemRandom)).await.unwrap()
}

fn walk(path: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), found);
        } else {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
}

pub(crate) async fn anonymous() -> Stage {
    stage(true).await
}

pub(crate) async fn named() -> Stage {
    stage(false).await
}

async fn stage(anonymous: bool) -> Stage {
    let directory = Directory::new();
    let backend = directory.open(anonymous).await;
    of(backend, directory)
}

pub(crate) fn of(backend: FsBackend, directory: Directory) -> Stage {
    Stage::new(Arc::new(backend), STEP, Box::new(|| async {}.boxed()), Box::new(directory))
}
