//! Storing blobs: in one request, or in parts when they are large.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::Stored;
use super::abort::Upload;
use super::error::failed;
use super::multipart::{MAX_PART, Part, complete, upload_part};
use super::store::{Store, WRITE, bytes};
use crate::backend::chunks::{Begun, Chunks};
use crate::{BlobKey, Body, Error};

/// What an object is to the service: bytes.
pub(super) const CONTENT_TYPE: &str = "application/octet-stream";

/// How often a write is made again that came at the same time as another's.
const CONFLICTS: u32 = 6;

/// Stores a body.
pub(super) async fn put(
    store: Arc<Store>,
    key: BlobKey,
    len: Option<u64>,
    body: Body,
) -> Result<Stored, Error> {
    let size = store.config.part_size;
    let max = bytes(size).saturating_mul(MAX_PART.into());
    match Chunks::begin(body, len, size, max).await? {
        Begun::Whole(body) => put_whole(&store, key, body).await,
        Begun::Parts(first, second, chunks) => put_parts(store, key, first, second, chunks).await,
    }
}

/// One request, which is made again as long as its fate is not known.
async fn put_whole(store: &Store, key: BlobKey, body: Bytes) -> Result<Stored, Error> {
    let write = store.write_number();
    let len = bytes(body.len());
    let mut conflicts = 0;
    loop {
        let request = store
            .client
            .put_object()
            .bucket(&store.config.bucket)
            .key(store.name(key))
            .content_type(CONTENT_TYPE)
            .metadata(WRITE, &write)
            .set_if_none_match(store.if_none_match())
            .body(ByteStream::from(body.clone()))
            .customize();
        // TLS protects the body, and signing would mean to digest it once more.
        let request = if store.config.is_plain() { request } else { request.disable_payload_signing() };
        let answer = request.send().await;
        if answer.as_ref().err().is_some_and(is_conflict) && conflicts < CONFLICTS {
            conflicts += 1;
            tokio::time::sleep(Duration::from_millis(25 << conflicts)).await;
            continue;
        }
        return match answer.map_err(failed("put an object")) {
            Ok(_) => Ok(Stored { len }),
            Err(Error::Exists) if store.made_by(key, &write).await?.is_some() => Ok(Stored { len }),
            Err(error) => Err(error),
        };
    }
}

/// Another write of the same object goes on: Amazon's S3 says so instead of whether it won.
pub(super) fn is_conflict<E>(error: &aws_sdk_s3::error::SdkError<E>) -> bool {
    error.raw_response().is_some_and(|answer| answer.status().as_u16() == 409)
}

/// Several requests: a part is sent while the next one comes in.
async fn put_parts(
    store: Arc<Store>,
    key: BlobKey,
    first: Bytes,
    second: Bytes,
    mut chunks: Chunks,
) -> Result<Stored, Error> {
    let upload = Upload::begin(store, key, None).await?;
    let sent = async {
        let mut parts = vec![send(&upload, 1, first).await?];
        let mut current = second;
        while !current.is_empty() {
            let number = u16::try_from(parts.len() + 1).unwrap_or(u16::MAX);
            if number > MAX_PART {
                return Err(Error::TooLarge {
                    max: bytes(upload.store.config.part_size) * u64::from(MAX_PART),
                });
            }
            let read = chunks.behind(current.len());
            let (part, next) = futures_util::try_join!(send(&upload, number, current), read)?;
            parts.push(part);
            current = next;
        }
        complete(&upload.store, key, upload.id(), &parts).await
    };
    let sent = sent.await;
    upload.end(sent).await
}

async fn send(upload: &Upload, number: u16, body: Bytes) -> Result<Part, Error> {
    upload_part(&upload.store, upload.key, upload.id(), number, body).await
}
