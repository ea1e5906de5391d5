//! Uploads in parts.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use bytes::Bytes;

use super::Stored;
use super::client::within;
use super::error::{failed, upload_absent};
use super::put::{CONTENT_TYPE, is_conflict};
use super::store::{Store, WRITE};
use crate::{BlobKey, Error};

/// The highest number of a part.
pub(super) const MAX_PART: u16 = 10_000;

/// A stored part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    number: u16,
    /// What the service calls it.
    tag: String,
}

/// How often an upload is completed again that came at the same time as another write.
const CONFLICTS: u32 = 6;

/// An upload: what the service calls it, and the number that its object will carry.
#[derive(Debug, Clone)]
pub(super) struct Id {
    pub(super) write: String,
    pub(super) upload: String,
}

/// What services make ids and tags of.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Begins an upload.
pub(super) async fn begin(store: &Store, key: BlobKey, class: Option<StorageClass>) -> Result<Id, Error> {
    let write = store.write_number();
    let request = store.client.create_multipart_upload().bucket(&store.config.bucket).key(store.name(key));
    let request = request.content_type(CONTENT_TYPE).metadata(WRITE, &write).set_storage_class(class);
    let answer = request.send().await.map_err(failed("begin an upload"))?;
    let upload = answer.upload_id().filter(|id| is_word(id)).ok_or(Error::Corrupt("an upload has no id"))?;
    Ok(Id { write, upload: upload.to_owned() })
}

/// Stores a part that is in memory.
pub(super) async fn upload_part(
    store: &Store,
    key: BlobKey,
    id: &Id,
    number: u16,
    body: Bytes,
) -> Result<Part, Error> {
    let request = store.client.upload_part().bucket(&store.config.bucket).key(store.name(key));
    let request = request.upload_id(&id.upload).part_number(number.into());
    let request = request.body(ByteStream::from(body)).customize();
    let request = if store.config.is_plain() { request } else { request.disable_payload_signing() };
    let answer = request.send().await.map_err(failed("store a part")).map_err(upload_absent)?;
    tagged(number, answer.e_tag())
}

/// A part with the tag that the service gave it.
pub(super) fn tagged(number: u16, tag: Option<&str>) -> Result<Part, Error> {
    let tag = tag.filter(|tag| is_word(tag)).ok_or(Error::Corrupt("a part has no ETag"))?;
    Ok(Part { number, tag: tag.to_owned() })
}

/// Makes the parts the blob. An upload that was completed already is complete.
pub(super) async fn complete(store: &Store, key: BlobKey, id: &Id, parts: &[Part]) -> Result<Stored, Error> {
    complete_if(store, key, id, parts, store.if_none_match()).await
}

/// The same in the place of a blob that has the same bytes.
pub(super) async fn complete_over(
    store: &Store,
    key: BlobKey,
    id: &Id,
    parts: &[Part],
) -> Result<Stored, Error> {
    complete_if(store, key, id, parts, None).await
}

async fn complete_if(
    store: &Store,
    key: BlobKey,
    id: &Id,
    parts: &[Part],
    if_none_match: Option<String>,
) -> Result<Stored, Error> {
    let mut conflicts = 0;
    loop {
        let request = store
            .client
            .complete_multipart_upload()
            .bucket(&store.config.bucket)
            .key(store.name(key))
            .upload_id(&id.upload)
            .set_if_none_match(if_none_match.clone())
            .multipart_upload(completed(parts));
        let slow = within(Some(store.config.slow_timeout));
        let answer = request.customize().config_override(slow).send().await;
        if answer.as_ref().err().is_some_and(is_conflict) && conflicts < CONFLICTS {
            conflicts += 1;
            tokio::time::sleep(Duration::from_millis(25 << conflicts)).await;
            continue;
        }
        return match answer.map_err(failed("complete an upload")).map_err(upload_absent) {
            Ok(_) => Ok(Stored { len: store.head(key).await?.len }),
            Err(error @ (Error::Exists | Error::UploadNotFound | Error::Unavailable { .. })) => {
                completed_before(store, key, id, error).await
            }
            Err(error) => Err(error),
        };
    }
}

/// What an error means that came although the upload may be complete.
async fn completed_before(store: &Store, key: BlobKey, id: &Id, error: Error) -> Result<Stored, Error> {
    if let Some(head) = store.made_by(key, &id.write).await? {
        return Ok(Stored { len: head.len });
    }
    // Ceph answers 500 when there is no such upload.
    if matches!(error, Error::Unavailable { .. }) {
        let request = store.client.list_parts().bucket(&store.config.bucket).key(store.name(key));
        let answer = request.upload_id(&id.upload).max_parts(1).send().await;
        if let Err(Error::UploadNotFound) = answer.map_err(failed("look at an upload")).map_err(upload_absent)
        {
            return Err(Error::UploadNotFound);
        }
    }
    Err(error)
}

/// The parts as the service wants them.
pub(super) fn completed(parts: &[Part]) -> CompletedMultipartUpload {
    let part = |part: &Part| {
        CompletedPart::builder().part_number(part.number.into()).e_tag(part.tag.clone()).build()
    };
    CompletedMultipartUpload::builder().set_parts(Some(parts.iter().map(part).collect())).build()
}
