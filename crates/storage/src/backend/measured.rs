//! A backend that is watched: how long it takes to answer, and how often it cannot.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use veza_core::TenantId;

use super::{
    Backend, ByteRange, Caps, Download, Listed, Operation, Pending, Presigned, Stored, Tier, UploadId,
};
use crate::{BlobKey, Body, Error};

/// The backend of a deployment, with its metrics.
#[derive(Debug)]
pub(crate) struct Measured(pub(crate) Arc<dyn Backend>);

/// Measures one call. A body that is read later is not in it; one that is stored is, and so how fast it came.
fn watched<'a, T: 'a>(operation: &'static str, call: Pending<'a, T>) -> Pending<'a, T> {
    Box::pin(async move {
        let begun = Instant::now();
        let answer = call.await;
        metrics::histogram!("veza_storage_backend_seconds", "operation" => operation)
            .record(begun.elapsed().as_secs_f64());
        if answer.as_ref().is_err_and(is_trouble) {
            metrics::counter!("veza_storage_backend_errors_total", "operation" => operation).increment(1);
        }
        answer
    })
}

/// Whether the operator has something to mend. What is absent, or came wrong, is the caller's.
fn is_trouble(error: &Error) -> bool {
    matches!(error, Error::Full | Error::Unavailable { .. } | Error::Refused(_) | Error::Corrupt(_))
}

impl Backend for Measured {
    fn caps(&self) -> Caps {
        self.0.caps()
    }

    fn put(&self, key: BlobKey, len: Option<u64>, body: Body) -> Pending<'_, Stored> {
        watched("put", self.0.put(key, len, body))
    }

    fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Pending<'_, Download> {
        watched("get", self.0.get(key, range))
    }

    fn file(&self, key: BlobKey) -> Option<String> {
        self.0.file(key)
    }

    fn head(&self, key: BlobKey) -> Pending<'_, Stored> {
        watched("head", self.0.head(key))
    }

    fn delete_many<'a>(&'a self, keys: &'a [BlobKey]) -> Pending<'a, ()> {
        watched("delete", self.0.delete_many(keys))
    }

    fn list(
        &self,
        tenant: Option<TenantId>,
        after: Option<BlobKey>,
        limit: usize,
    ) -> Pending<'_, Vec<Listed>> {
        watched("list", self.0.list(tenant, after, limit))
    }

    fn uploads(&self, key: BlobKey) -> Pending<'_, Vec<UploadId>> {
        watched("uploads", self.0.uploads(key))
    }

    fn abort<'a>(&'a self, key: BlobKey, upload: &'a UploadId) -> Pending<'a, ()> {
        watched("abort", self.0.abort(key, upload))
    }

    fn set_tier(&self, key: BlobKey, tier: Tier) -> Pending<'_, ()> {
        watched("set_tier", self.0.set_tier(key, tier))
    }

    fn presign<'a>(
        &'a self,
        operation: &'a Operation,
        key: BlobKey,
        ttl: Duration,
    ) -> Pending<'a, Option<Presigned>> {
        // No call leaves the process.
        self.0.presign(operation, key, ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_operator_can_mend_is_trouble() {
        let away = Error::Unavailable { retry_after: Duration::ZERO, reason: String::new() };
        assert!(is_trouble(&away) && is_trouble(&Error::Full) && is_trouble(&Error::Corrupt("bytes")));
        assert!(!is_trouble(&Error::NotFound) && !is_trouble(&Error::Exists));
    }
}
