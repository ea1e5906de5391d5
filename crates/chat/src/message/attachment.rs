//! Files that a message carries.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Files that a message may carry.
pub const MAX_ATTACHMENTS: usize = 10;
/// Bytes of JSON that naming one takes at most: its bucket and its key, every character escaped.
#[cfg(feature = "http")]
pub(crate) const NAMED: usize = 3_328;

/// An object that a message is to carry: what its key shows when the message is sent, whatever it shows later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewAttachment {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

/// A file that a message carries, as it was when the message was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Attachment {
    /// The version of the object.
    pub version_id: Uuid,
    /// What it is called: what follows the last slash of its key.
    pub name: String,
    /// Its bytes.
    pub size: i64,
    /// Its media type.
    pub content_type: String,
}
