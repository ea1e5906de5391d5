//! S3 and what speaks its protocol.
//!
//! What a service must do for all that [`Backend`] promises is what Amazon's does. Services differ, so the
//! backend leans on little: no bucket needs versions, policies or tags; checksums are sent where Amazon's own
//! service is spoken to, since others refuse or ignore them; parts of one upload have equal lengths; removing in
//! bulk falls back to one by one. Whether a service refuses to replace an object (`If-None-Match: *`) is tried
//! out when the backend opens, since some ignore the header in silence: [`Caps::exclusive_put`] says what was found.
//!
//! A write whose answer was lost is told from somebody else's by a random number in the object's metadata.
//!
//! Nothing is read from the environment, and no file but those that [`S3Config`] names.

mod abort;
mod client;
mod config;
mod delete;
mod error;
mod list;
mod multipart;
mod presign;
mod probe;
mod put;
mod read;
mod store;
mod tier;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use veza_core::{Random, Tasks, TenantId};

pub use self::config::S3Config;
use self::store::Store;
use super::{
    Backend, ByteRange, Caps, Download, Listed, Operation, Pending, Presigned, Stored, Tier, UploadId,
};
use crate::{BlobKey, Body, Error};

/// Blobs in a bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct S3Backend {
    store: Arc<Store>,
}

impl S3Backend {
    /// Connects to the bucket and finds out what the service can do. `tasks` end the uploads of puts that were
    /// dropped; `random` makes the numbers that tell writes apart.
    pub async fn open(config: S3Config, tasks: Tasks, random: Arc<dyn Random>) -> Result<Self, Error> {
        let mut store = Store::new(config, tasks, random)?;
        store.exclusive = probe::exclusive(&store).await?;
        Ok(Self { store: Arc::new(store) })
    }
}

impl Backend for S3Backend {
    fn caps(&self) -> Caps {
        let config = &self.store.config;
        Caps {
            exclusive_put: self.store.exclusive,
            max_put: store::bytes(config.part_size).saturating_mul(multipart::MAX_PART.into()),
            presign: true,
            tiers: config.cold_class.is_some(),
        }
    }

    fn put(&self, key: BlobKey, len: Option<u64>, body: Body) -> Pending<'_, Stored> {
        put::put(Arc::clone(&self.store), key, len, body).boxed()
    }

    fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Pending<'_, Download> {
        read::get(Arc::clone(&self.store), key, range).boxed()
    }

    fn file(&self, _: BlobKey) -> Option<String> {
        None
    }

    fn head(&self, key: BlobKey) -> Pending<'_, Stored> {
        async move { Ok(Stored { len: self.store.head(key).await?.len }) }.boxed()
    }

    fn delete_many<'a>(&'a self, keys: &'a [BlobKey]) -> Pending<'a, ()> {
        delete::delete_many(&self.store, keys).boxed()
    }

    fn list(
        &self,
        tenant: Option<TenantId>,
        after: Option<BlobKey>,
        limit: usize,
    ) -> Pending<'_, Vec<Listed>> {
        list::list(&self.store, tenant, after, limit).boxed()
    }

    fn uploads(&self, key: BlobKey) -> Pending<'_, Vec<UploadId>> {
        list::uploads(&self.store, key).boxed()
    }

    fn abort<'a>(&'a self, key: BlobKey, upload: &'a UploadId) -> Pending<'a, ()> {
        abort::abort(&self.store, key, upload.as_str()).boxed()
    }

    fn set_tier(&self, key: BlobKey, tier: Tier) -> Pending<'_, ()> {
        tier::set_tier(Arc::clone(&self.store), key, tier).boxed()
    }

    fn presign<'a>(
        &'a self,
        operation: &'a Operation,
        key: BlobKey,
        ttl: Duration,
    ) -> Pending<'a, Option<Presigned>> {
        async move { presign::presign(&self.store, operation, key, ttl).await.map(Some) }.boxed()
    }
}
