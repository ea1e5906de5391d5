//! Finding out what a service does.

use aws_sdk_s3::primitives::ByteStream;

use super::error::failed;
use super::store::Store;
use crate::Error;

/// Whether the service refuses to replace an object. Some say that they do, and replace it.
pub(super) async fn exclusive(store: &Store) -> Result<bool, Error> {
    if let Some(known) = store.config.exclusive_put {
        return Ok(known);
    }
    let name = format!("{}probe-{}", store.config.prefix, store.write_number());
    put(store, &name, None).await?;
    let again = put(store, &name, Some("*".to_owned())).await;
    let removed = store.client.delete_object().bucket(&store.config.bucket).key(&name).send().await;
    removed.map_err(failed("remove the probe"))?;
    match again {
        Err(Error::Exists) => Ok(true),
        Ok(()) | Err(Error::Unsupported(_)) => {
            tracing::warn!("the service replaces objects although it is told not to");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

async fn put(store: &Store, name: &str, condition: Option<String>) -> Result<(), Error> {
    let request = store.client.put_object().bucket(&store.config.bucket).key(name);
    let request = request.set_if_none_match(condition).body(ByteStream::from_static(b"probe"));
    request.send().await.map(|_| ()).map_err(failed("put the probe"))
}
