//! Uploads in parts, which any process continues: multipart, in any order, and tus, one behind the other.
//!
//! Both are a content whose blobs are stored one by one, and a row that says how far it is. Whoever appends takes
//! the next fence first, so of two who append to the same upload the first one ends.

mod append;
mod begin;
mod complete;
mod join;
mod part;
mod session;
mod source;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::append::Chunk;
#[cfg(feature = "http")]
pub(crate) use self::begin::begin;
pub use self::part::{NamedPart, Part, parts};
pub(crate) use self::session::end;
#[cfg(feature = "http")]
pub(crate) use self::session::find;
pub use self::session::{abort, get, list};
use crate::ObjectKey;
use crate::digest::Expected;
use crate::id::{UploadId, VersionId};
use crate::object::{Attributes, Condition};

/// The most parts of an upload.
pub const MAX_PARTS: i32 = 10_000;

/// In which order an upload comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Protocol {
    /// Numbered parts in any order, also at once and again.
    Multipart,
    /// Bytes behind those that are there, as in tus.
    Tus,
}

impl Protocol {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Multipart => "multipart",
            Self::Tus => "tus",
        }
    }
}

/// What makes an upload.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// The bucket's name.
    pub bucket: String,
    /// The key that shows it in the end.
    pub key: ObjectKey,
    /// In which order it comes.
    pub protocol: Protocol,
    /// All of its bytes, where they are known; they are set aside then.
    pub length: Option<i64>,
    /// How the object is served, and what goes with it.
    pub attributes: Attributes,
    /// What must hold of the key in the end.
    pub condition: Condition,
    /// What only tus knows of.
    pub tus: Tus,
}

/// What only tus knows of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tus {
    /// `Upload-Metadata` as it was sent, to be told again.
    pub metadata: Option<String>,
    /// It becomes no object, but a part of one.
    pub partial: bool,
    /// The partial uploads that it was made of.
    pub joined: Vec<UploadId>,
}

/// An upload in parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Upload {
    /// The upload's id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: UploadId,
    /// The bucket's name.
    pub bucket: String,
    /// The key that shows it in the end.
    pub key: String,
    /// In which order it comes.
    pub protocol: Protocol,
    /// All of its bytes, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<i64>,
    /// Bytes that are there.
    pub received: i64,
    /// The version that it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schema(value_type = Option<uuid::Uuid>))]
    pub version_id: Option<VersionId>,
    /// Who began it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it is given up, unless something comes.
    pub expires_at: DateTime<Utc>,
    /// What only tus knows of it.
    #[serde(skip)]
    pub tus: Tus,
}

/// A part that is to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewPart {
    /// Its number, 1 to [`MAX_PARTS`]. One that is there is replaced.
    pub number: i32,
    /// Its bytes, where they are known.
    pub len: Option<u64>,
    /// What its bytes must be.
    pub expected: Expected,
}
