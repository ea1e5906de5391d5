//! Requests for others to make.

use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};

use super::error::failed;
use super::put::CONTENT_TYPE;
use super::store::{Store, signed};
use super::{Operation, Presigned};
use crate::{BlobKey, Error};

/// Signs a request; the service is not asked.
pub(super) async fn presign(
    store: &Store,
    operation: &Operation,
    key: BlobKey,
    ttl: Duration,
) -> Result<Presigned, Error> {
    let until = PresigningConfig::expires_in(ttl)
        .map_err(|error| Error::Setup(format!("S3: a URL cannot be valid for {ttl:?}: {error}")))?;
    let (client, bucket, name) = (&store.presigner, &store.config.bucket, store.name(key));
    let request = match operation {
        Operation::Get { content_type, content_disposition } => client
            .get_object()
            .bucket(bucket)
            .key(name)
            .set_response_content_type(content_type.clone())
            .set_response_content_disposition(content_disposition.clone())
            .presigned(until)
            .await
            .map_err(failed("sign a request")),
        Operation::Put { len } => client
            .put_object()
            .bucket(bucket)
            .key(name)
            .content_length(signed(*len))
            .content_type(CONTENT_TYPE)
            .set_if_none_match(store.if_none_match())
            .presigned(until)
            .await
            .map_err(failed("sign a request")),
    };
    Ok(public(&request?))
}

fn public(request: &PresignedRequest) -> Presigned {
    let headers = request.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Presigned { method: request.method().to_owned(), url: request.uri().to_owned(), headers }
}
