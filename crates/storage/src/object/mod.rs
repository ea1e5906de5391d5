//! Objects: what a key of a bucket shows now, and what it showed before.

mod change;
mod condition;
mod copy;
mod delete;
mod list;
mod place;
mod restore;
mod retention;
mod row;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::change::{ObjectChange, change};
pub use self::condition::Condition;
pub use self::copy::{Copy, copy};
pub use self::delete::{delete, delete_retained_version, delete_version};
pub use self::list::{Entry, ListRequest, list, versions};
pub(crate) use self::place::{Placement, announce_expired, check, check_early, place};
pub use self::restore::restore;
pub use self::retention::{release, retain, set_legal_hold};
pub use self::row::get;
#[cfg(feature = "http")]
pub(crate) use self::row::key_of;
pub(crate) use self::row::{current, find, place_of};
use crate::bucket::RetentionMode;
use crate::id::{ContentId, VersionId};

/// What an object is, or was as one of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Object {
    /// Its bucket's name.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Which version it is.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub version_id: VersionId,
    /// What it shows.
    #[serde(skip)]
    pub(crate) content: ContentId,
    /// Its bytes.
    pub size: i64,
    /// Names its content: two objects with the same ETag have the same bytes.
    pub etag: String,
    /// How it is served, and what goes with it.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// SHA-256 of its bytes in hexadecimal; absent for what was uploaded in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// CRC-32C of its bytes in hexadecimal.
    pub crc32c: String,
    /// CRC-64/NVME of its bytes in hexadecimal.
    pub crc64nvme: String,
    /// Who stored it: `person:<id>` or `api_key:<id>`.
    pub created_by: String,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// Since when it is not the current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Since when it is only there to be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    /// Until when it cannot be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// It cannot be deleted until somebody says otherwise.
    pub legal_hold: bool,
}

/// The same by a name that means nothing else to the generator of documents, for which `Object` is any object.
#[cfg(feature = "http")]
pub(crate) type StoredObject = Object;

/// Until when a version cannot be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Retention {
    /// What it forbids.
    pub mode: RetentionMode,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// How an object is served, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Attributes {
    /// Its media type.
    pub content_type: String,
    /// `Cache-Control` of its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition` of its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Encoding` of its bytes, as they were stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// Names and texts of whoever stored it, for every reader.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Names and texts to find and group objects by.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
