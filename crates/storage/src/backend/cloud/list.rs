//! Listing objects.

use std::future::ready;

use futures_util::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use object_store::path::Path;
use veza_core::TenantId;

use super::error::failed;
use super::{Cloud, Listed};
use crate::backend::MAX_KEYS;
use crate::{BlobKey, Error};

/// Blobs behind `after`. Objects that are no blobs are left out.
pub(super) async fn list(
    cloud: &Cloud,
    tenant: Option<TenantId>,
    after: Option<BlobKey>,
    limit: usize,
) -> Result<Vec<Listed>, Error> {
    let tenant = tenant.map_or_else(String::new, |tenant| tenant.to_string());
    let prefix = Path::from(format!("{}{tenant}", cloud.config.prefix));
    let entries = match after {
        Some(after) => cloud.store.list_with_offset(Some(&prefix), &cloud.path(after)),
        None => cloud.store.list(Some(&prefix)),
    };
    entries
        .map_err(failed("list objects"))
        .try_filter_map(|meta| ready(Ok(listed(cloud, &meta))))
        // Azurite begins at the beginning, wherever it is told to.
        .try_filter(|blob| ready(after.is_none_or(|after| blob.key > after)))
        .take(limit.min(MAX_KEYS))
        .try_collect()
        .await
}

fn listed(cloud: &Cloud, meta: &ObjectMeta) -> Option<Listed> {
    let name: &str = meta.location.as_ref();
    let key = BlobKey::parse(name.strip_prefix(&cloud.config.prefix)?)?;
    Some(Listed { key, len: meta.size })
}
