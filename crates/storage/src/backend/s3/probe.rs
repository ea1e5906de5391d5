//! Finding out what a service does.

use aws_sdk_s3::primitives::ByteStream;

use super::error::failed;
use super::multipart::{completed, tagged};
use super::store::Store;
use crate::Error;

const CONDITION: &str = "*";

/// Whether the service refuses to replace an object, by a put and by completing an upload. Some heed the condition
/// of neither and some of the first alone, and all of them in silence.
pub(super) async fn exclusive(store: &Store) -> Result<bool, Error> {
    if let Some(known) = store.config.exclusive_put {
        return Ok(known);
    }
    let name = format!("{}probe-{}", store.config.prefix, store.write_number());
    put(store, &name, None).await?;
    let exclusive = match put(store, &name, Some(CONDITION.to_owned())).await {
        Err(Error::Exists) => refuses(upload(store, &name).await),
        other => refuses(other),
    };
    let removed = store.client.delete_object().bucket(&store.config.bucket).key(&name).send().await;
    removed.map_err(failed("remove the probe"))?;
    if let Ok(false) = exclusive {
        tracing::warn!("the service replaces objects although it is told not to");
    }
    exclusive
}

fn refuses(answer: Result<(), Error>) -> Result<bool, Error> {
    match answer {
        Err(Error::Exists) => Ok(true),
        Ok(()) | Err(Error::Unsupported(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn put(store: &Store, name: &str, condition: Option<String>) -> Result<(), Error> {
    let request = store.client.put_object().bucket(&store.config.bucket).key(name);
    let request = request.set_if_none_match(condition).body(ByteStream::from_static(b"probe"));
    request.send().await.map(|_| ()).map_err(failed("put the probe"))
}

/// Uploads the object once more, which must not take its place.
async fn upload(store: &Store, name: &str) -> Result<(), Error> {
    let (client, bucket) = (&store.client, &store.config.bucket);
    let begun = client.create_multipart_upload().bucket(bucket).key(name).send().await;
    let begun = begun.map_err(failed("begin the probe"))?;
    let id = begun.upload_id().unwrap_or_default();
    let part = client.upload_part().bucket(bucket).key(name).upload_id(id).part_number(1);
    let part =
        part.body(ByteStream::from_static(b"probe")).send().await.map_err(failed("upload the probe"))?;
    let parts = completed(&[tagged(1, part.e_tag())?]);
    let complete = client.complete_multipart_upload().bucket(bucket).key(name).upload_id(id);
    let answer = complete.if_none_match(CONDITION).multipart_upload(parts).send().await;
    let answer = answer.map(|_| ()).map_err(failed("complete the probe"));
    if answer.is_err() {
        let aborted = client.abort_multipart_upload().bucket(bucket).key(name).upload_id(id).send().await;
        aborted.map_err(failed("end the probe"))?;
    }
    answer
}
