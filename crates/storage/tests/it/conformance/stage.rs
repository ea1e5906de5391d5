//! A backend with nothing of ours in it, and what cases do with it.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use veza_core::{Clock, SystemClock, SystemRandom, TenantId, Timestamp};
use veza_storage::backend::{ByteRange, Download};
use veza_storage::{Backend, BlobId, BlobKey, Error, body};

use super::bodies::pattern;

type Settle = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A backend, and a tenant that nobody else uses.
pub(crate) struct Stage {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) tenant: TenantId,
    /// Bytes where the backend takes the next step: sizes around it are worth a try.
    pub(crate) border: usize,
    settle: Settle,
    milliseconds: AtomicI64,
    keep: Box<dyn Any + Send + Sync>,
}

impl Stage {
    /// `keep` lives as long as the stage; `settle` waits for what the backend does behind its callers.
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        border: usize,
        settle: Settle,
        keep: Box<dyn Any + Send + Sync>,
    ) -> Self {
        let now = SystemClock.now();
        let tenant = TenantId::generate(now, &SystemRandom);
        Self { backend, tenant, border, settle, milliseconds: AtomicI64::new(now.timestamp_millis()), keep }
    }

    /// What was given to keep.
    pub(crate) fn keep<T: 'static>(&self) -> &T {
        self.keep.downcast_ref().unwrap()
    }

    /// The key of a blob of this tenant that is not there; each is behind those before it.
    pub(crate) fn key(&self) -> BlobKey {
        BlobKey::new(self.tenant, BlobId::generate(self.later(), &SystemRandom))
    }

    /// A tenant behind this one.
    pub(crate) fn other_tenant(&self) -> TenantId {
        TenantId::generate(self.later(), &SystemRandom)
    }

    fn later(&self) -> Timestamp {
        // Two hours, so that keys lie in several directories.
        Timestamp::from_timestamp_millis(self.milliseconds.fetch_add(7_200_000, Ordering::Relaxed)).unwrap()
    }

    /// Stores bytes.
    pub(crate) async fn put(&self, key: BlobKey, bytes: &[u8]) {
        let len = u64::try_from(bytes.len()).unwrap();
        let stored = self.backend.put(key, Some(len), body::full(bytes.to_vec())).await.unwrap();
        assert_eq!(stored.len, len);
    }

    /// Stores a little blob.
    pub(crate) async fn small(&self) -> BlobKey {
        let key = self.key();
        self.put(key, &pattern(10, 1)).await;
        key
    }

    /// Reads all of a blob.
    pub(crate) async fn read(&self, key: BlobKey) -> Vec<u8> {
        self.read_range(key, None).await
    }

    /// Reads a part of a blob.
    pub(crate) async fn read_range(&self, key: BlobKey, range: Option<ByteRange>) -> Vec<u8> {
        let download = self.backend.get(key, range).await.unwrap();
        let promised = download.range.clone();
        let bytes = collect(download).await.unwrap();
        assert_eq!(u64::try_from(bytes.len()).unwrap(), promised.end - promised.start);
        bytes
    }

    /// Says that there is no such blob, in every way.
    pub(crate) async fn assert_absent(&self, key: BlobKey) {
        assert!(matches!(self.backend.head(key).await, Err(Error::NotFound)), "head");
        assert!(matches!(self.backend.get(key, None).await, Err(Error::NotFound)), "get");
        let listed = self.backend.list(Some(key.tenant()), None, 1_000).await.unwrap();
        assert!(!listed.iter().any(|listed| listed.key == key), "list");
    }

    /// Says that nothing is left of a key: no blob, and no upload.
    pub(crate) async fn assert_nothing(&self, key: BlobKey) {
        (self.settle)().await;
        self.assert_absent(key).await;
        assert_eq!(self.backend.uploads(key).await.unwrap(), []);
    }

    /// Says how many uploads of a key have begun and not ended.
    pub(crate) async fn assert_uploads(&self, key: BlobKey, count: usize) {
        (self.settle)().await;
        assert_eq!(self.backend.uploads(key).await.unwrap().len(), count);
    }

    /// Removes what the case left: the backend may be somebody's bucket.
    pub(crate) async fn end(self) {
        (self.settle)().await;
        let listed = self.backend.list(Some(self.tenant), None, 1_000).await.unwrap();
        let keys: Vec<BlobKey> = listed.iter().map(|listed| listed.key).collect();
        self.backend.delete_many(&keys).await.unwrap();
    }
}

/// All that is downloaded.
pub(crate) async fn collect(download: Download) -> Result<Vec<u8>, Error> {
    Ok(download.body.try_collect::<Vec<_>>().await?.concat())
}
