//! Removing objects.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::failed;
use super::store::Store;
use crate::backend::check_keys;
use crate::{BlobKey, Error};

/// Requests at a time, where each removes one object.
const CONCURRENCY: usize = 16;

/// Removes objects, all in one request where the service has such.
pub(super) async fn delete_many(store: &Store, keys: &[BlobKey]) -> Result<(), Error> {
    check_keys(keys)?;
    if keys.len() > 1 && store.bulk.load(Ordering::Relaxed) {
        match bulk(store, keys).await {
            // The service does not know the request, or wants a checksum that the library has given up.
            Err(Error::Unsupported(_) | Error::Failed { .. } | Error::NotFound) => {
                tracing::info!("the service does not remove many objects at once");
                store.bulk.store(false, Ordering::Relaxed);
            }
            other => return other,
        }
    }
    let requests = stream::iter(keys.to_vec()).map(|key| Ok(one(store, key)));
    requests.try_buffer_unordered(CONCURRENCY).try_collect().await
}

async fn one(store: &Store, key: BlobKey) -> Result<(), Error> {
    let request = store.client.delete_object().bucket(&store.config.bucket).key(store.name(key));
    match request.send().await.map_err(failed("remove an object")) {
        Ok(_) | Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn bulk(store: &Store, keys: &[BlobKey]) -> Result<(), Error> {
    let cannot = |error| Error::Failed { what: "remove objects", source: Box::new(error) };
    let object = |key: &BlobKey| ObjectIdentifier::builder().key(store.name(*key)).build();
    let objects = keys.iter().map(object).collect::<Result<Vec<_>, _>>().map_err(cannot)?;
    let delete = Delete::builder().quiet(true).set_objects(Some(objects)).build().map_err(cannot)?;
    let request = store.client.delete_objects().bucket(&store.config.bucket).delete(delete);
    let answer = request.send().await.map_err(failed("remove objects"))?;
    match answer.errors().iter().find(|error| error.code() != Some("NoSuchKey")) {
        None => Ok(()),
        Some(error) => {
            let reason = format!("remove objects: {}", error.code().unwrap_or("without a reason"));
            match error.code() {
                Some("AccessDenied") => Err(Error::Refused(reason)),
                _ => Err(Error::Unavailable { retry_after: Duration::from_secs(5), reason }),
            }
        }
    }
}
