//! Caches in front of a public bucket are told, by a webhook, which paths changed.
//!
//! The webhook is enqueued in the transaction of the change, signed and retried like any other; see `veza_jobs::webhook`.

use veza_core::TenantTx;

use crate::Error;
use crate::bucket::{Access, Bucket};
use crate::object::Object;

/// Paths of one webhook: of the longest keys, each byte of which is written as three, they are less than a payload may have.
#[cfg(feature = "webhook")]
const PATHS: usize = 200;

/// Tells that an object changed, appeared, or went.
pub(crate) fn object(tx: &mut TenantTx<'_>, bucket: &Bucket, object: &Object) -> Result<(), Error> {
    objects(tx, bucket, std::slice::from_ref(object))
}

/// The same of many at once.
pub(crate) fn objects(tx: &mut TenantTx<'_>, bucket: &Bucket, objects: &[Object]) -> Result<(), Error> {
    if bucket.settings.access != Access::PublicRead || objects.is_empty() {
        return Ok(());
    }
    // A version's own path never changes; when it goes, caches must forget it all the same.
    let paths = objects.iter().flat_map(|object| {
        let place = crate::percent::path(&object.key);
        [place.clone(), format!("{place}?version={}", object.version_id)]
    });
    tell(tx, bucket, &paths.collect::<Vec<_>>())
}

/// Tells that the bucket is public no more, or is now.
pub(crate) fn whole(tx: &mut TenantTx<'_>, before: &Bucket, after: &Bucket) -> Result<(), Error> {
    if before.settings.access == after.settings.access {
        return Ok(());
    }
    tell(tx, after, &["*".to_owned()])
}

/// Whether a webhook may go to a URL, as far as it can be told now.
#[cfg(feature = "webhook")]
pub(crate) fn is_possible(url: &str) -> bool {
    veza_jobs::webhook::Webhook::new(url, "storage.purge", "storage.purge", &()).is_ok()
}

/// This build sends none.
#[cfg(not(feature = "webhook"))]
pub(crate) fn is_possible(_: &str) -> bool {
    false
}

#[cfg(feature = "webhook")]
fn tell(tx: &mut TenantTx<'_>, bucket: &Bucket, keys: &[String]) -> Result<(), Error> {
    use veza_core::TenantScope;

    let Some(url) = &bucket.settings.purge_url else { return Ok(()) };
    let base = format!("/v1/storage/public/{}/{}", tx.tenant(), bucket.name);
    for keys in keys.chunks(PATHS) {
        let paths: Vec<String> = keys.iter().map(|key| format!("{base}/{key}")).collect();
        let data = serde_json::json!({ "bucket": bucket.name, "paths": paths });
        let webhook = veza_jobs::webhook::Webhook::new(url, "storage.purge", "storage.purge", &data)?;
        veza_jobs::enqueue(tx, &webhook)?;
    }
    Ok(())
}

#[cfg(not(feature = "webhook"))]
#[allow(clippy::unnecessary_wraps, reason = "a build that sends webhooks may fail")]
fn tell(_: &mut TenantTx<'_>, _: &Bucket, _: &[String]) -> Result<(), Error> {
    Ok(())
}
