//! Rows and bytes together, on a real PostgreSQL.

mod audit;
mod buckets;
mod catalogue;
mod isolation;
mod keys;
mod lifecycle;
mod million;
mod objects;
mod parts;
mod reaping;
mod restoring;
mod retention;
mod signing;
mod uploads;

use std::sync::Arc;

use futures_util::TryStreamExt;
use veza_core::config::Period;
use veza_core::{Caller, Db, Query, SystemRandom, TenantScope, TenantTx};
use veza_storage::backend::fs::{FsBackend, FsConfig};
use veza_storage::body;
use veza_storage::bucket::{self, BucketChange, NewBucket};
use veza_storage::crypt::{LocalRootKey, RootKey};
use veza_storage::object::{Attributes, Condition, Object};
use veza_storage::quota::{self, Usage};
use veza_storage::{Backend, Error, NewObject, ObjectKey, Storage, StorageConfig};
use veza_testing::TestDirectory;

/// Files in a directory of the test's own.
pub(crate) struct House {
    pub(crate) storage: Storage,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) directory: TestDirectory,
}

impl House {
    pub(crate) async fn new(db: &Db) -> Self {
        Self::with(db, |_| {}).await
    }

    pub(crate) async fn with(db: &Db, change: impl FnOnce(&mut StorageConfig)) -> Self {
        let directory = TestDirectory::new();
        let files = FsConfig::new(directory.path().join("files"));
        let backend: Arc<dyn Backend> =
            Arc::new(FsBackend::open(files, Arc::new(SystemRandom)).await.unwrap());
        let path = directory.path().join("root");
        LocalRootKey::create(&path, "first", &SystemRandom).unwrap();
        let root: Arc<dyn RootKey> = Arc::new(LocalRootKey::open(&path, Arc::new(SystemRandom)).unwrap());
        let mut config = StorageConfig {
            recovery_window: Period::from_secs(3_600),
            second_look: Period::from_secs(60),
            ..StorageConfig::default()
        };
        change(&mut config);
        let storage = Storage::new(db.clone(), config, "fs", Arc::clone(&backend), Some(root)).unwrap();
        Self { storage, backend, directory }
    }

    /// The same without a root key.
    pub(crate) async fn plain(db: &Db) -> Self {
        let house = Self::new(db).await;
        let config = house.storage.config().clone();
        let storage = Storage::new(db.clone(), config, "fs", Arc::clone(&house.backend), None).unwrap();
        Self { storage, ..house }
    }

    pub(crate) async fn put(&self, caller: &Caller, new: NewObject, bytes: &[u8]) -> Result<Object, Error> {
        let permit = caller.permit().unwrap();
        self.storage.put(caller, &permit, new, body::full(bytes.to_vec())).await
    }

    /// All bytes of what a key shows.
    pub(crate) async fn bytes(&self, caller: &Caller, key: &str) -> Result<Vec<u8>, Error> {
        let (permit, key) = (caller.permit().unwrap(), ObjectKey::new(key).unwrap());
        let reading = self.storage.read(caller, &permit, "files", &key, None, None).await?;
        Ok(reading.body.try_collect::<Vec<_>>().await?.concat())
    }

    /// How many objects the backend has of a tenant.
    pub(crate) async fn stored(&self, caller: &Caller) -> usize {
        self.backend.list(Some(caller.tenant()), None, 1_000).await.unwrap().len()
    }

    pub(crate) async fn usage(&self, caller: &Caller) -> (i64, i64) {
        let (permit, limit) = (caller.permit().unwrap(), self.storage.config().quota_bytes);
        let usage = self.storage.db().tenant(caller, move |tx| quota::usage(tx, &permit, limit)).await;
        let Usage { used_bytes, reserved_bytes, .. } = usage.unwrap();
        (used_bytes, reserved_bytes)
    }
}

/// The bucket `files`.
pub(crate) async fn files(db: &Db, caller: &Caller, settings: BucketChange) {
    let (permit, new) = (caller.permit().unwrap(), NewBucket { name: "files".to_owned(), settings });
    db.tenant(caller, move |tx| bucket::create(tx, &permit, &new, true)).await.unwrap();
}

pub(crate) fn object(key: &str) -> NewObject {
    NewObject {
        bucket: "files".to_owned(),
        key: ObjectKey::new(key).unwrap(),
        attributes: Attributes { content_type: "text/plain".to_owned(), ..Attributes::default() },
        len: None,
        expected: veza_storage::digest::Expected::default(),
        condition: Condition::default(),
    }
}

/// Does something in a transaction of the tenant.
pub(crate) async fn run<T: Send + 'static>(
    db: &Db,
    caller: &Caller,
    f: impl FnMut(&mut TenantTx<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    db.tenant(caller, f).await
}

/// Whether rows and sums agree: what is used and set aside is what contents have, and what is shown is live.
pub(crate) async fn agree(db: &Db, caller: &Caller) {
    #[derive(diesel::QueryableByName)]
    struct Broken {
        #[diesel(sql_type = diesel::sql_types::Text)]
        what: String,
    }
    let broken = run(db, caller, |tx| {
        let statement = diesel::sql_query(
            "SELECT format('used %s of %s', u.used_bytes, c.used) AS what FROM storage.usage AS u, \
               (SELECT coalesce(sum(size) FILTER (WHERE state = 'live'), 0) AS used, \
                       coalesce(sum(size) FILTER (WHERE state = 'pending'), 0) AS reserved \
                FROM storage.contents WHERE tenant_id = $1) AS c \
             WHERE u.tenant_id = $1 AND (u.used_bytes <> c.used OR u.reserved_bytes <> c.reserved) \
             UNION ALL SELECT 'shown and not live: ' || v.key FROM storage.versions AS v JOIN storage.contents AS c USING (tenant_id, content_id) \
             WHERE v.tenant_id = $1 AND v.deleted_at IS NULL AND c.state <> 'live' \
             UNION ALL SELECT 'live and not shown: ' || c.content_id FROM storage.contents AS c WHERE c.tenant_id = $1 AND c.state = 'live' \
               AND NOT EXISTS (SELECT FROM storage.versions AS v WHERE v.tenant_id = $1 AND v.content_id = c.content_id AND v.deleted_at IS NULL)",
        );
        Ok(tx.load::<Broken, _>(statement.bind::<diesel::sql_types::Uuid, _>(tx.tenant()))?)
    });
    let broken: Vec<String> = broken.await.unwrap().into_iter().map(|broken| broken.what).collect();
    assert!(broken.is_empty(), "{broken:?}");
}
