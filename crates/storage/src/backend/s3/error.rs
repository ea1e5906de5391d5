//! What a service's errors mean.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::Error;

/// What an error means when it happened at `what`.
pub(super) fn failed<E>(what: &'static str) -> impl Fn(SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    move |error| {
        let reason = format!("{what}: {}", DisplayErrorContext(&error));
        let unavailable =
            |seconds, reason| Error::Unavailable { retry_after: Duration::from_secs(seconds), reason };
        match &error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let known = by_code(answer.err().code().unwrap_or_default()).or_else(|| by_status(status));
                known.unwrap_or_else(|| match status {
                    401 | 403 => Error::Refused(reason),
                    408 | 409 | 425 | 500 | 502 | 504 => unavailable(1, reason),
                    429 | 503 => unavailable(5, reason),
                    _ => Error::Failed { what, source: error.into() },
                })
            }
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
                unavailable(5, reason)
            }
            _ => Error::Failed { what, source: error.into() },
        }
    }
}

/// The words of Amazon's S3, and of some that came after it.
fn by_code(code: &str) -> Option<Error> {
    Some(match code {
        "NoSuchKey" => Error::NotFound,
        "NoSuchUpload" => Error::UploadNotFound,
        "NoSuchBucket" => Error::Setup("S3: there is no such bucket".to_owned()),
        "PreconditionFailed" => Error::Exists,
        "InvalidRange" => Error::RangeUnsatisfiable { len: 0 },
        "InvalidPart" => Error::Part { number: 0, reason: "is missing or another one" },
        "InvalidPartOrder" => Error::Part { number: 0, reason: "is not in order" },
        "EntityTooSmall" => Error::Part { number: 0, reason: "has too few bytes" },
        "EntityTooLarge" => Error::TooLarge { max: super::store::MAX_OBJECT },
        "QuotaExceeded" | "InsufficientStorage" | "XMinioStorageFull" => Error::Full,
        "NotImplemented" => Error::Unsupported("do this: the service has not implemented it"),
        _ => return None,
    })
}

/// Answers to HEAD have no words.
fn by_status(status: u16) -> Option<Error> {
    Some(match status {
        404 => Error::NotFound,
        412 => Error::Exists,
        416 => Error::RangeUnsatisfiable { len: 0 },
        507 => Error::Full,
        _ => return None,
    })
}

/// Where only an upload can be absent.
pub(super) fn upload_absent(error: Error) -> Error {
    match error {
        Error::NotFound => Error::UploadNotFound,
        other => other,
    }
}
