//! An upload in parts, which ends with its owner: also when that is dropped.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::{Attribute, Attributes, GetOptions, MultipartUpload, PutMultipartOptions, PutPayload};

use super::error::failed;
use super::{Cloud, Stored};
use crate::{BlobKey, Error};

/// The metadata that says which write made an object. Azure wants an identifier of C#.
const WRITE: &str = "vezawrite";

/// How often it is tried to end an upload that nobody waits for.
const ATTEMPTS: u32 = 5;

pub(super) struct Upload {
    cloud: Arc<Cloud>,
    key: BlobKey,
    write: String,
    /// None when it has ended.
    inner: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub(super) async fn begin(cloud: Arc<Cloud>, key: BlobKey) -> Result<Self, Error> {
        let write = format!("{:032x}", u128::from_le_bytes(veza_core::bytes::<16>(&*cloud.random)));
        let attribute = (Attribute::Metadata(WRITE.into()), write.clone());
        let options = PutMultipartOptions::from(Attributes::from_iter([attribute]));
        let begun = cloud.store.put_multipart_opts(&cloud.path(key), options).await;
        let inner = Some(begun.map_err(failed("begin an upload"))?);
        Ok(Self { cloud, key, write, inner })
    }

    /// Sends the part behind the last.
    pub(super) fn send(&mut self, part: Bytes) -> impl Future<Output = Result<(), Error>> + 'static {
        let sent = self.inner.as_mut().map(|upload| upload.put_part(PutPayload::from(part)));
        async move { sent.ok_or(Error::UploadNotFound)?.await.map_err(failed("store a part")) }
    }

    /// Makes the parts the blob, which then has `len` bytes.
    pub(super) async fn complete(&mut self, len: u64) -> Result<Stored, Error> {
        let upload = self.inner.as_mut().ok_or(Error::UploadNotFound)?;
        if let Err(error) = upload.complete().await.map_err(failed("complete an upload"))
            // It may be complete all the same: the first answer was lost, and the upload is gone.
            && made(&self.cloud, self.key, &self.write).await? != Some(len)
        {
            return Err(error);
        }
        Ok(Stored { len })
    }

    /// Passes on what became of it. If that is an error the upload is ended first.
    pub(super) async fn end(mut self, result: Result<Stored, Error>) -> Result<Stored, Error> {
        if result.is_err()
            && let Some(upload) = &mut self.inner
            && upload.abort().await.is_err()
        {
            // The guard goes on trying; the caller hears of the first mistake.
            return result;
        }
        self.inner = None;
        result
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(mut upload) = self.inner.take() else { return };
        let key = self.key;
        self.cloud.tasks.spawn("storage_cloud_abort", move |_| async move {
            for attempt in 0..ATTEMPTS {
                match upload.abort().await.map_err(failed("end an upload")) {
                    Ok(()) | Err(Error::NotFound) => return,
                    Err(error) => tracing::warn!(%error, blob.key = %key, "an upload is not ended yet"),
                }
                tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
            }
        });
    }
}

/// The length of a blob's object, if this write made it.
async fn made(cloud: &Cloud, key: BlobKey, write: &str) -> Result<Option<u64>, Error> {
    let head = GetOptions::new().with_head(true);
    match cloud.store.get_opts(&cloud.path(key), head).await.map_err(failed("look at an object")) {
        Ok(found) => {
            let by = found.attributes.get(&Attribute::Metadata(WRITE.into()));
            Ok(by.is_some_and(|by| **by == *write).then_some(found.meta.size))
        }
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
