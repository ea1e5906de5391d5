//! A directory on a local or network file system.
//!
//! A blob is written to a temporary file in the same file system, synced, and then linked to its name,
//! which fails when the name exists; the directory is synced after it. Nobody ever sees a part of a blob.
//! Every name is made of ids, and every file is opened below the handle of the root directory without
//! following symbolic links.

mod blocking;
mod directory;
mod errno;
mod list;
mod read;
mod shelf;
mod temporary;
mod write;
mod writers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use veza_core::{Random, TenantId};

use self::blocking::Pool;
use self::directory::{Root, Slot};
use super::{
    Backend, ByteRange, Caps, Download, Listed, Operation, Pending, Presigned, Stored, Tier, UploadId,
    check_keys,
};
use crate::{BlobKey, Body, Error};

/// How to use a directory.
#[derive(Debug, Clone)]
pub struct FsConfig {
    /// The directory. It is made where it is missing, for this user alone; others must not be able to write
    /// to it.
    pub root: PathBuf,
    /// Bytes that are read or written in one go on a thread of the blocking pool.
    pub step: usize,
    /// How many threads of the blocking pool may wait for this directory at a time.
    pub threads: usize,
    /// Write temporary files without a name, which the kernel removes by itself, where the file system can.
    pub anonymous: bool,
}

impl FsConfig {
    /// The usual settings for a directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), step: 256 * 1024, threads: 32, anonymous: true }
    }
}

/// Blobs in a directory. Cheap to clone. Several processes may use one directory at a time.
#[derive(Debug, Clone)]
pub struct FsBackend {
    root: Arc<Root>,
}

impl FsBackend {
    /// Opens the directory, and removes the temporary files of processes that died.
    pub async fn open(config: FsConfig, random: Arc<dyn Random>) -> Result<Self, Error> {
        let pool = Pool::new(config.threads)?;
        let open = {
            let pool = pool.clone();
            move || {
                let root = Root::open(&config, pool, random)?;
                temporary::sweep(&root)?;
                Ok(root)
            }
        };
        let root = pool.run(open).await?;
        Ok(Self { root: Arc::new(root) })
    }

    /// Does short work on the directory in the blocking pool.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Root) -> Result<T, Error> + Send + 'static,
    ) -> Pending<'static, T> {
        let root = Arc::clone(&self.root);
        let pool = root.pool.clone();
        async move { pool.run(move || work(&root)).await }.boxed()
    }
}

impl Backend for FsBackend {
    fn caps(&self) -> Caps {
        // 2⁶³ − 1 is what the kernel's file offsets can say.
        Caps { exclusive_put: true, max_put: i64::MAX.unsigned_abs(), presign: false, tiers: false }
    }

    fn put(&self, key: BlobKey, len: Option<u64>, body: Body) -> Pending<'_, Stored> {
        write::put(Arc::clone(&self.root), key, len, body).boxed()
    }

    fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Pending<'_, Download> {
        self.run(move |root| read::get(root, key, range))
    }

    fn file(&self, key: BlobKey) -> Option<String> {
        let [tenant, day, minutes] = Slot::of(key).into_names();
        Some(format!("{tenant}/{day}/{minutes}/{}", key.blob()))
    }

    fn head(&self, key: BlobKey) -> Pending<'_, Stored> {
        self.run(move |root| read::head(root, key))
    }

    fn delete_many<'a>(&'a self, keys: &'a [BlobKey]) -> Pending<'a, ()> {
        let keys = keys.to_vec();
        self.run(move |root| {
            check_keys(&keys)?;
            write::delete(root, &keys)
        })
    }

    fn list(
        &self,
        tenant: Option<TenantId>,
        after: Option<BlobKey>,
        limit: usize,
    ) -> Pending<'_, Vec<Listed>> {
        self.run(move |root| list::list(root, tenant, after, limit.min(super::MAX_KEYS)))
    }

    fn uploads(&self, _: BlobKey) -> Pending<'_, Vec<UploadId>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn abort<'a>(&'a self, _: BlobKey, _: &'a UploadId) -> Pending<'a, ()> {
        async { Ok(()) }.boxed()
    }

    fn set_tier(&self, _: BlobKey, _: Tier) -> Pending<'_, ()> {
        async { Err(Error::Unsupported("move bytes to a cold tier")) }.boxed()
    }

    fn presign<'a>(&'a self, _: &'a Operation, _: BlobKey, _: Duration) -> Pending<'a, Option<Presigned>> {
        async { Ok(None) }.boxed()
    }
}
