//! Moving objects to another storage class, which the service does itself: a copy of an object onto itself.

use std::sync::Arc;

use aws_sdk_s3::types::{MetadataDirective, StorageClass};

use super::Stored;
use super::abort::Upload;
use super::client::within;
use super::error::{failed, upload_absent};
use super::multipart::{MAX_PART, Part, complete_over, tagged};
use super::store::Store;
use crate::backend::Tier;
use crate::{BlobKey, Error};

/// Classes whose objects are read at once, as every reader here expects.
pub(super) const CLASSES: [&str; 4] = ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"];

/// Moves an object. One that is there already is moved once more, which changes nothing.
pub(super) async fn set_tier(store: Arc<Store>, key: BlobKey, tier: Tier) -> Result<(), Error> {
    let Some(cold) = store.config.cold_class.as_deref() else {
        return Err(Error::Unsupported("move bytes to a cold tier"));
    };
    let class = match tier {
        Tier::Hot => StorageClass::Standard,
        Tier::Cold => StorageClass::from(cold),
    };
    let len = store.head(key).await?.len;
    if len <= store.config.max_copy {
        move_whole(&store, key, class).await
    } else {
        move_parts(store, key, len, class).await.map(drop)
    }
}

async fn move_whole(store: &Store, key: BlobKey, class: StorageClass) -> Result<(), Error> {
    let request = store
        .client
        .copy_object()
        .bucket(&store.config.bucket)
        .key(store.name(key))
        .copy_source(source(store, key))
        .metadata_directive(MetadataDirective::Copy)
        .storage_class(class);
    let slow = within(Some(store.config.slow_timeout));
    let answer = request.customize().config_override(slow).send().await;
    answer.map(drop).map_err(failed("move an object"))
}

/// In pieces of one length, as few as can be.
async fn move_parts(store: Arc<Store>, key: BlobKey, len: u64, class: StorageClass) -> Result<Stored, Error> {
    let size = store.config.max_copy;
    if len.div_ceil(size) > MAX_PART.into() {
        return Err(Error::TooLarge { max: size.saturating_mul(MAX_PART.into()) });
    }
    let upload = Upload::begin(store, key, Some(class)).await?;
    let moved = async {
        let mut parts: Vec<Part> = Vec::new();
        let mut at = 0;
        for number in 1.. {
            if at >= len {
                break;
            }
            let end = len.min(at.saturating_add(size));
            parts.push(move_part(&upload, number, at..end).await?);
            at = end;
        }
        complete_over(&upload.store, key, upload.id(), &parts).await
    };
    let moved = moved.await;
    upload.end(moved).await
}

async fn move_part(upload: &Upload, number: u16, range: std::ops::Range<u64>) -> Result<Part, Error> {
    let store = &upload.store;
    let request = store
        .client
        .upload_part_copy()
        .bucket(&store.config.bucket)
        .key(store.name(upload.key))
        .upload_id(&upload.id().upload)
        .part_number(number.into())
        .copy_source(source(store, upload.key))
        .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1));
    let slow = within(Some(store.config.slow_timeout));
    let answer = request.customize().config_override(slow).send().await;
    let answer = answer.map_err(failed("move a part")).map_err(upload_absent)?;
    tagged(number, answer.copy_part_result().and_then(|part| part.e_tag()))
}

/// The configuration allows no character in it that a URL must escape.
fn source(store: &Store, from: BlobKey) -> String {
    format!("{}/{}", store.config.bucket, store.name(from))
}
