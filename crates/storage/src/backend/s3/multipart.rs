//! Uploads in parts.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::chunks::Chunks;
use super::client::within;
use super::error::{failed, upload_absent};
use super::put::{CONTENT_TYPE, is_conflict};
use super::store::{Store, WRITE, bytes, signed};
use super::stream::Source;
use super::{Part, Stored, UploadId};
use crate::backend::{check_number, check_parts};
use crate::{BlobKey, Body, Error};

/// The most bytes of a part at Amazon's.
const MAX_PART_SIZE: u64 = 5 << 30;

/// How often an upload is completed again that came at the same time as another write.
const CONFLICTS: u32 = 6;

/// An upload: what the service calls it, and the number that its object will carry.
#[derive(Debug, Clone)]
pub(super) struct Id {
    /// Empty for an upload that was found in a list.
    pub(super) write: String,
    pub(super) upload: String,
}

impl Id {
    /// As callers keep it.
    pub(super) fn to_public(&self) -> UploadId {
        UploadId::new(format!("{}.{}", self.write, self.upload))
    }

    /// Reads what [`Id::to_public`] wrote.
    pub(super) fn from_public(id: &UploadId) -> Result<Self, Error> {
        let (write, upload) = id.as_str().split_once('.').ok_or(Error::UploadNotFound)?;
        let hexadecimal = write.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hexadecimal && is_word(upload) {
            Ok(Self { write: write.to_owned(), upload: upload.to_owned() })
        } else {
            Err(Error::UploadNotFound)
        }
    }
}

/// What services make ids and tags of.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Begins an upload.
pub(super) async fn begin(store: &Store, key: BlobKey) -> Result<Id, Error> {
    let write = store.write_number();
    let request = store.client.create_multipart_upload().bucket(&store.config.bucket).key(store.name(key));
    let request = request.content_type(CONTENT_TYPE).metadata(WRITE, &write);
    let answer = request.send().await.map_err(failed("begin an upload"))?;
    let upload = answer.upload_id().filter(|id| is_word(id)).ok_or(Error::Corrupt("an upload has no id"))?;
    Ok(Id { write, upload: upload.to_owned() })
}

/// Stores a part from a body: in memory if it is small, so that it can be sent again, else as it comes.
pub(super) async fn part(
    store: &Store,
    key: BlobKey,
    upload: &UploadId,
    number: u16,
    len: u64,
    body: Body,
) -> Result<Part, Error> {
    check_number(number)?;
    let id = Id::from_public(upload)?;
    if len > MAX_PART_SIZE {
        return Err(Error::TooLarge { max: MAX_PART_SIZE });
    }
    if len > bytes(store.config.part_size) {
        return stream_part(store, key, &id, number, len, body).await;
    }
    // One byte more than the part, so that too long a body is seen.
    let size = usize::try_from(len).unwrap_or(usize::MAX).saturating_add(1);
    let body = Chunks::new(body, Some(len), size).next().await?;
    upload_part(store, key, &id, number, body).await
}

/// Stores a part that is in memory.
pub(super) async fn upload_part(
    store: &Store,
    key: BlobKey,
    id: &Id,
    number: u16,
    body: Bytes,
) -> Result<Part, Error> {
    let len = bytes(body.len());
    let request = request(store, key, id, number).body(ByteStream::from(body)).customize();
    let request = if store.config.is_plain() { request } else { request.disable_payload_signing() };
    let answer = request.send().await.map_err(failed("store a part")).map_err(upload_absent)?;
    tagged(number, len, answer.e_tag())
}

async fn stream_part(
    store: &Store,
    key: BlobKey,
    id: &Id,
    number: u16,
    len: u64,
    body: Body,
) -> Result<Part, Error> {
    let (body, mishap) = Source::stream(body, len);
    let request = request(store, key, id, number).content_length(signed(len)).body(body);
    // Whoever sends the body decides how long it takes.
    let answer = request.customize().config_override(within(None)).send().await;
    if let Some(error) = mishap.take() {
        return Err(error);
    }
    let answer = answer.map_err(failed("store a part")).map_err(upload_absent)?;
    tagged(number, len, answer.e_tag())
}

fn request(
    store: &Store,
    key: BlobKey,
    id: &Id,
    number: u16,
) -> aws_sdk_s3::operation::upload_part::builders::UploadPartFluentBuilder {
    let request = store.client.upload_part().bucket(&store.config.bucket).key(store.name(key));
    request.upload_id(&id.upload).part_number(number.into())
}

/// A part with the tag that the service gave it.
pub(super) fn tagged(number: u16, len: u64, tag: Option<&str>) -> Result<Part, Error> {
    let tag = tag.filter(|tag| is_word(tag)).ok_or(Error::Corrupt("a part has no ETag"))?;
    Ok(Part { number, len, tag: tag.to_owned() })
}

/// Makes the parts that a caller names the blob.
pub(super) async fn complete_checked(
    store: &Store,
    key: BlobKey,
    upload: &UploadId,
    parts: &[Part],
) -> Result<Stored, Error> {
    let id = Id::from_public(upload)?;
    check_parts(parts)?;
    if let Some(part) = parts.iter().find(|part| !is_word(&part.tag)) {
        return Err(Error::Part { number: part.number, reason: "was replaced" });
    }
    complete(store, key, &id, parts).await
}

/// Makes the parts the blob. An upload that was completed already is complete.
pub(super) async fn complete(store: &Store, key: BlobKey, id: &Id, parts: &[Part]) -> Result<Stored, Error> {
    let mut conflicts = 0;
    loop {
        let request = store
            .client
            .complete_multipart_upload()
            .bucket(&store.config.bucket)
            .key(store.name(key))
            .upload_id(&id.upload)
            .set_if_none_match(store.if_none_match())
            .multipart_upload(completed(parts));
        let slow = within(Some(store.config.slow_timeout));
        let answer = request.customize().config_override(slow).send().await;
        if answer.as_ref().err().is_some_and(is_conflict) && conflicts < CONFLICTS {
            conflicts += 1;
            tokio::time::sleep(Duration::from_millis(25 << conflicts)).await;
            continue;
        }
        return match answer.map_err(failed("complete an upload")).map_err(upload_absent) {
            // Parts that others sent to presigned URLs have lengths that nobody told us.
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
    if !id.write.is_empty()
        && let Some(head) = store.made_by(key, &id.write).await?
    {
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
