//! What the path of an object names.

use actix_web::HttpRequest;

use super::refused;
use crate::percent;
use crate::{Error, ObjectKey};

/// A key of a bucket.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) key: ObjectKey,
}

impl Place {
    /// Reads the path as it was sent: the framework would replace what is not UTF-8, so that two names became one.
    pub(super) fn of(req: &HttpRequest) -> Result<Self, Error> {
        let before = req.match_pattern().map_or(0, |pattern| pattern.matches('/').count());
        let sent = req.uri().path().splitn(before.saturating_add(1), '/').nth(before).unwrap_or_default();
        let key = percent::decode(sent)
            .ok_or_else(|| refused("key", "encoding", "UTF-8, percent-encoded where a path needs it"))?;
        let bucket = req.match_info().get("bucket").unwrap_or_default().to_owned();
        Ok(Self { bucket, key: ObjectKey::field("key", key)? })
    }
}

/// Where an object is, with its version where it is to stay the same.
pub(super) fn location(bucket: &str, key: &str, version: Option<crate::id::VersionId>) -> String {
    let path = format!("/v1/storage/buckets/{bucket}/objects/{}", percent::path(key));
    version.map_or_else(|| path.clone(), |version| format!("{path}?version={version}"))
}
