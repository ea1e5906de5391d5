//! Storing blobs: in one request, or in parts when they are large.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{PutOptions, PutPayload};

use super::error::failed;
use super::upload::Upload;
use super::{Cloud, Stored, bytes};
use crate::backend::chunks::{Begun, Chunks};
use crate::{BlobKey, Body, Error};

/// The most parts of a put: Google's limit; Azure's is higher.
pub(super) const MAX_PARTS: u64 = 10_000;

/// Stores a body.
pub(super) async fn put(
    cloud: Arc<Cloud>,
    key: BlobKey,
    len: Option<u64>,
    body: Body,
) -> Result<Stored, Error> {
    match Chunks::begin(body, len, cloud.config.part_size, cloud.max_put()).await? {
        Begun::Whole(body) => put_whole(&cloud, key, body).await,
        Begun::Parts(first, second, chunks) => put_parts(cloud, key, first, second, chunks).await,
    }
}

async fn put_whole(cloud: &Cloud, key: BlobKey, body: Bytes) -> Result<Stored, Error> {
    let (path, len) = (cloud.path(key), bytes(body.len()));
    let put = cloud.store.put_opts(&path, PutPayload::from(body), PutOptions::default());
    put.await.map_err(failed("put an object"))?;
    Ok(Stored { len })
}

/// Several requests: a part is sent while the next one comes in.
async fn put_parts(
    cloud: Arc<Cloud>,
    key: BlobKey,
    first: Bytes,
    second: Bytes,
    mut chunks: Chunks,
) -> Result<Stored, Error> {
    let max = cloud.max_put();
    let mut upload = Upload::begin(cloud, key).await?;
    let sent = async {
        let mut len = bytes(first.len());
        upload.send(first).await?;
        let mut current = second;
        while !current.is_empty() {
            len += bytes(current.len());
            if len > max {
                return Err(Error::TooLarge { max });
            }
            let read = chunks.behind(current.len());
            let ((), next) = futures_util::try_join!(upload.send(current), read)?;
            current = next;
        }
        upload.complete(len).await
    };
    let sent = sent.await;
    upload.end(sent).await
}
