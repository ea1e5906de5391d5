//! Listing objects and uploads.

use aws_sdk_s3::types::Object;
use veza_core::TenantId;

use super::error::failed;
use super::store::Store;
use super::{Listed, UploadId};
use crate::backend::MAX_KEYS;
use crate::{BlobKey, Error};

/// Blobs behind `after`. Objects that are no blobs are left out.
pub(super) async fn list(
    store: &Store,
    tenant: Option<TenantId>,
    after: Option<BlobKey>,
    limit: usize,
) -> Result<Vec<Listed>, Error> {
    let limit = limit.min(MAX_KEYS);
    let prefix = tenant.map_or_else(String::new, |tenant| format!("{tenant}/"));
    let mut found = Vec::new();
    let mut token = None;
    // Until there is one, for none means the end.
    while limit > 0 && found.is_empty() {
        let request = store
            .client
            .list_objects_v2()
            .bucket(&store.config.bucket)
            .prefix(format!("{}{prefix}", store.config.prefix))
            .set_start_after(after.map(|key| store.name(key)))
            .set_continuation_token(token)
            .max_keys(i32::try_from(limit).unwrap_or(1_000));
        let answer = request.send().await.map_err(failed("list objects"))?;
        // Some services give more than they were asked for, and some what is not behind.
        let blobs = answer.contents().iter().filter_map(|object| listed(store, object));
        let behind = blobs.filter(|blob| after.is_none_or(|after| blob.key > after));
        found.extend(behind.take(limit));
        token = answer.next_continuation_token().map(str::to_owned);
        if token.is_none() || answer.is_truncated() != Some(true) {
            break;
        }
    }
    Ok(found)
}

fn listed(store: &Store, object: &Object) -> Option<Listed> {
    let key = BlobKey::parse(object.key()?.strip_prefix(&store.config.prefix)?)?;
    Some(Listed { key, len: object.size().and_then(|len| u64::try_from(len).ok())? })
}

/// The uploads of a blob that go on.
pub(super) async fn uploads(store: &Store, key: BlobKey) -> Result<Vec<UploadId>, Error> {
    let name = store.name(key);
    let mut found = Vec::new();
    let mut marker = (None, None);
    loop {
        let request = store
            .client
            .list_multipart_uploads()
            .bucket(&store.config.bucket)
            .prefix(&name)
            .set_key_marker(marker.0)
            .set_upload_id_marker(marker.1);
        let answer = request.send().await.map_err(failed("list uploads"))?;
        let ours = answer.uploads().iter().filter(|upload| upload.key() == Some(&name));
        let ids = ours.filter_map(|upload| upload.upload_id());
        found.extend(ids.map(UploadId::new));
        marker =
            (answer.next_key_marker().map(str::to_owned), answer.next_upload_id_marker().map(str::to_owned));
        if answer.is_truncated() != Some(true) || marker.0.is_none() {
            return Ok(found);
        }
    }
}
