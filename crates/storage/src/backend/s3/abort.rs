//! Ending uploads without a blob.

use std::sync::Arc;
use std::time::Duration;

use super::Stored;
use aws_sdk_s3::types::StorageClass;

use super::error::{failed, upload_absent};
use super::multipart::{self, Id};
use super::store::Store;
use crate::{BlobKey, Error};

/// How often it is tried to end an upload that nobody waits for.
const ATTEMPTS: u32 = 5;

/// An upload of our own, which ends with its owner: also when that is dropped.
pub(super) struct Upload {
    pub(super) store: Arc<Store>,
    pub(super) key: BlobKey,
    id: Id,
    goes_on: bool,
}

impl Upload {
    pub(super) async fn begin(
        store: Arc<Store>,
        key: BlobKey,
        class: Option<StorageClass>,
    ) -> Result<Self, Error> {
        let id = multipart::begin(&store, key, class).await?;
        Ok(Self { store, key, id, goes_on: true })
    }

    pub(super) fn id(&self) -> &Id {
        &self.id
    }

    /// Passes on what became of it. If that is an error the upload is ended first.
    pub(super) async fn end(mut self, result: Result<Stored, Error>) -> Result<Stored, Error> {
        if result.is_err() {
            match abort(&self.store, self.key, &self.id.upload).await {
                Ok(()) => {}
                // The guard goes on trying; the caller hears of the first mistake.
                Err(_) => return result,
            }
        }
        self.goes_on = false;
        result
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.goes_on {
            return;
        }
        let (store, key, id) = (Arc::clone(&self.store), self.key, self.id.clone());
        self.store.tasks.spawn("storage_s3_abort", move |_| async move {
            for attempt in 0..ATTEMPTS {
                match abort(&store, key, &id.upload).await {
                    Ok(()) => return,
                    Err(error) => tracing::warn!(%error, blob.key = %key, "an upload is not ended yet"),
                }
                tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
            }
        });
    }
}

/// Ends an upload; one that is absent has ended.
pub(super) async fn abort(store: &Store, key: BlobKey, upload: &str) -> Result<(), Error> {
    let request = store.client.abort_multipart_upload().bucket(&store.config.bucket).key(store.name(key));
    match request.upload_id(upload).send().await.map_err(failed("end an upload")).map_err(upload_absent) {
        Ok(_) | Err(Error::UploadNotFound) => Ok(()),
        Err(error) => Err(error),
    }
}
