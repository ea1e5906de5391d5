//! Copies, which the service makes itself.

use std::sync::Arc;

use aws_sdk_s3::types::MetadataDirective;

use super::abort::Upload;
use super::client::within;
use super::error::{failed, upload_absent};
use super::multipart::{complete, tagged};
use super::put::CONTENT_TYPE;
use super::store::{Store, WRITE};
use super::{MAX_PART, Part, Stored};
use crate::{BlobKey, Error};

/// Stores the bytes of `from` as `to` as well.
pub(super) async fn copy(store: Arc<Store>, from: BlobKey, to: BlobKey) -> Result<Stored, Error> {
    let len = store.head(from).await?.len;
    // Few services heed a condition on copies; of those that do not, this is what can be had.
    if store.exclusive {
        match store.head(to).await {
            Err(Error::NotFound) => {}
            Ok(_) => return Err(Error::Exists),
            Err(error) => return Err(error),
        }
    }
    if len <= store.config.max_copy {
        copy_whole(&store, from, to, len).await
    } else {
        copy_parts(store, from, to, len).await
    }
}

async fn copy_whole(store: &Store, from: BlobKey, to: BlobKey, len: u64) -> Result<Stored, Error> {
    let write = store.write_number();
    let request = store
        .client
        .copy_object()
        .bucket(&store.config.bucket)
        .key(store.name(to))
        .copy_source(source(store, from))
        .metadata_directive(MetadataDirective::Replace)
        .content_type(CONTENT_TYPE)
        .metadata(WRITE, &write)
        .set_if_none_match(store.if_none_match());
    let slow = within(Some(store.config.slow_timeout));
    let answer = request.customize().config_override(slow).send().await;
    match answer.map_err(failed("copy an object")) {
        Ok(_) => Ok(Stored { len }),
        Err(Error::Exists) if store.made_by(to, &write).await?.is_some() => Ok(Stored { len }),
        Err(error) => Err(error),
    }
}

/// In pieces of one length, as few as can be.
async fn copy_parts(store: Arc<Store>, from: BlobKey, to: BlobKey, len: u64) -> Result<Stored, Error> {
    let size = store.config.max_copy;
    if len.div_ceil(size) > MAX_PART.into() {
        return Err(Error::TooLarge { max: size.saturating_mul(MAX_PART.into()) });
    }
    let upload = Upload::begin(store, to).await?;
    let copied = async {
        let mut parts: Vec<Part> = Vec::new();
        let mut at = 0;
        for number in 1.. {
            if at >= len {
                break;
            }
            let end = len.min(at.saturating_add(size));
            parts.push(copy_part(&upload, from, number, at..end).await?);
            at = end;
        }
        complete(&upload.store, to, upload.id(), &parts).await
    };
    let copied = copied.await;
    upload.end(copied).await
}

async fn copy_part(
    upload: &Upload,
    from: BlobKey,
    number: u16,
    range: std::ops::Range<u64>,
) -> Result<Part, Error> {
    let store = &upload.store;
    let request = store
        .client
        .upload_part_copy()
        .bucket(&store.config.bucket)
        .key(store.name(upload.key))
        .upload_id(&upload.id().upload)
        .part_number(number.into())
        .copy_source(source(store, from))
        .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1));
    let slow = within(Some(store.config.slow_timeout));
    let answer = request.customize().config_override(slow).send().await;
    let answer = answer.map_err(failed("copy a part")).map_err(upload_absent)?;
    let tag = answer.copy_part_result().and_then(|part| part.e_tag());
    tagged(number, range.end - range.start, tag)
}

/// The configuration allows no character in it that a URL must escape.
fn source(store: &Store, from: BlobKey) -> String {
    format!("{}/{}", store.config.bucket, store.name(from))
}
