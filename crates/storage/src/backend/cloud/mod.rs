//! Google Cloud Storage and Azure Blob Storage, through the crate `object_store`.
//!
//! Both are spoken to in the same few words: put, get a range, look, list, delete. A put writes over what is there, so
//! that it can be made again when its answer was lost: neither service lets an upload in parts be completed on the
//! condition that nothing is there, and half a promise is none ([`Caps::exclusive_put`]). Ids of blobs are used once.
//!
//! A put of several parts whose answer was lost is told from another's by a random number in the object's metadata.
//!
//! Nothing is read from the environment: no credentials, no proxy, no file but those that the configuration names.

#[cfg(feature = "azure")]
mod azure;
mod config;
mod connector;
mod error;
#[cfg(feature = "gcs")]
mod gcs;
mod list;
mod put;
mod read;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use veza_core::{Random, Tasks, TenantId};

#[cfg(feature = "azure")]
pub use self::azure::AzureConfig;
pub use self::config::CloudConfig;
use self::error::failed;
#[cfg(feature = "gcs")]
pub use self::gcs::GcsConfig;
use super::{
    Backend, ByteRange, Caps, Download, Listed, Operation, Pending, Presigned, Stored, Tier, UploadId,
    check_keys,
};
use crate::{BlobKey, Body, Error};

/// Blobs in a bucket of Google's or a container of Azure's. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CloudBackend {
    cloud: Arc<Cloud>,
}

/// What all requests share.
#[derive(Debug)]
struct Cloud {
    store: Arc<dyn ObjectStore>,
    config: CloudConfig,
    tasks: Tasks,
    random: Arc<dyn Random>,
}

impl Cloud {
    /// The name of a blob's object.
    fn path(&self, key: BlobKey) -> Path {
        Path::from(format!("{}{key}", self.config.prefix))
    }

    /// The most bytes of a put.
    fn max_put(&self) -> u64 {
        bytes(self.config.part_size).saturating_mul(put::MAX_PARTS)
    }
}

impl CloudBackend {
    /// Opens a bucket of Google's. `tasks` end the uploads of puts that were dropped; `random` makes the numbers
    /// that tell writes apart.
    ///
    /// # Errors
    /// [`Error::Setup`] when the configuration cannot work or there is no such bucket; what the service says.
    #[cfg(feature = "gcs")]
    pub async fn open_gcs(config: GcsConfig, tasks: Tasks, random: Arc<dyn Random>) -> Result<Self, Error> {
        let store = config.store()?;
        Self::open(store, config.cloud, tasks, random).await
    }

    /// Opens a container of Azure's; the same otherwise.
    ///
    /// # Errors
    /// [`Error::Setup`] when the configuration cannot work or there is no such container; what the service says.
    #[cfg(feature = "azure")]
    pub async fn open_azure(
        config: AzureConfig,
        tasks: Tasks,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let store = config.store()?;
        Self::open(store, config.cloud, tasks, random).await
    }

    async fn open(
        store: Arc<dyn ObjectStore>,
        config: CloudConfig,
        tasks: Tasks,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let cloud = Cloud { store, config, tasks, random };
        // Says whether we are let in: of a listing the library does not tell why it failed.
        let probe = Path::from(format!("{}probe", cloud.config.prefix));
        match cloud.store.head(&probe).await.map_err(failed("look at the bucket")) {
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        let prefix = Path::from(cloud.config.prefix.as_str());
        match cloud.store.list(Some(&prefix)).next().await {
            None | Some(Ok(_)) => Ok(Self { cloud: Arc::new(cloud) }),
            Some(Err(error)) => {
                Err(Error::Setup(format!("there is no such bucket, or it cannot be listed: {error}")))
            }
        }
    }
}

impl Backend for CloudBackend {
    fn caps(&self) -> Caps {
        Caps { exclusive_put: false, max_put: self.cloud.max_put(), presign: false, tiers: false }
    }

    fn put(&self, key: BlobKey, len: Option<u64>, body: Body) -> Pending<'_, Stored> {
        put::put(Arc::clone(&self.cloud), key, len, body).boxed()
    }

    fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Pending<'_, Download> {
        read::get(Arc::clone(&self.cloud), key, range).boxed()
    }

    fn file(&self, _: BlobKey) -> Option<String> {
        None
    }

    fn head(&self, key: BlobKey) -> Pending<'_, Stored> {
        async move {
            let found = self.cloud.store.head(&self.cloud.path(key)).await;
            Ok(Stored { len: found.map_err(failed("look at an object"))?.size })
        }
        .boxed()
    }

    fn delete_many<'a>(&'a self, keys: &'a [BlobKey]) -> Pending<'a, ()> {
        async move {
            check_keys(keys)?;
            let paths: Vec<_> = keys.iter().map(|key| Ok(self.cloud.path(*key))).collect();
            let mut answers = self.cloud.store.delete_stream(futures_util::stream::iter(paths).boxed());
            while let Some(answer) = answers.next().await {
                match answer.map_err(failed("remove objects")) {
                    Ok(_) | Err(Error::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn list(
        &self,
        tenant: Option<TenantId>,
        after: Option<BlobKey>,
        limit: usize,
    ) -> Pending<'_, Vec<Listed>> {
        list::list(&self.cloud, tenant, after, limit).boxed()
    }

    /// None are known: the crate does not list them. Azure removes their parts within a week, and Google's bucket
    /// needs a rule that does.
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

/// A length in memory.
fn bytes(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
