//! What a cloud's errors mean.

use std::time::Duration;

use object_store::Error as StoreError;

use crate::Error;

/// When to try again; the library has tried for some time already.
const LATER: Duration = Duration::from_secs(5);

/// What an error means when it happened at `what`.
pub(super) fn failed(what: &'static str) -> impl Fn(StoreError) -> Error {
    move |error| match error {
        StoreError::NotFound { .. } => Error::NotFound,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            Error::Refused(format!("{what}: {error}"))
        }
        // A status without a meaning of its own, or none at all: the library does not say which.
        StoreError::Generic { .. } | StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => {
            Error::Unavailable { retry_after: LATER, reason: format!("{what}: {error}") }
        }
        other => Error::Failed { what, source: Box::new(other) },
    }
}

/// What an error means while nothing has been asked of the service.
pub(super) fn setup(error: StoreError) -> Error {
    Error::Setup(error.to_string())
}
