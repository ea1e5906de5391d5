//! Where blobs lie: the trait, and what implements it.
//!
//! A backend knows nothing of users, buckets or names. It keeps immutable bytes under a [`BlobKey`].

#[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
mod chunks;
#[cfg(any(feature = "azure", feature = "gcs"))]
pub mod cloud;
pub mod fs;
mod measured;
#[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
mod names;
#[cfg(feature = "s3")]
pub mod s3;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use futures_util::future::BoxFuture;
use veza_core::TenantId;

pub(crate) use self::measured::Measured;
use crate::{BlobKey, Body, Error};

/// The most keys of one [`Backend::delete_many`], and entries of one [`Backend::list`].
pub const MAX_KEYS: usize = 1_000;

/// What a backend answers, some time.
pub type Pending<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// A store of immutable blobs.
///
/// Every operation leaves either its whole effect or none that a reader could see, also when its future
/// is dropped or the process is killed. A dropped `put` may still take effect a moment later. After an answer that tells nothing ([`Error::Unavailable`]) ask [`Backend::head`].
pub trait Backend: Send + Sync + fmt::Debug + 'static {
    /// What this backend can do.
    fn caps(&self) -> Caps;

    /// Stores a body. The blob appears, durable and whole, when the body has ended without an error and
    /// has `len` bytes, if that is given; else nothing is left of it.
    ///
    /// A key that exists is [`Error::Exists`] where the backend can tell ([`Caps::exclusive_put`]).
    fn put(&self, key: BlobKey, len: Option<u64>, body: Body) -> Pending<'_, Stored>;

    /// Reads a blob or a part of it. The stream ends with [`Error::Corrupt`] or [`Error::Unavailable`]
    /// when the bytes that were promised do not come.
    fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Pending<'_, Download>;

    /// Where a blob is below a directory that a web server can serve, with slashes; none where it is not in a file.
    fn file(&self, key: BlobKey) -> Option<String>;

    /// What is known of a blob.
    fn head(&self, key: BlobKey) -> Pending<'_, Stored>;

    /// Removes blobs, at most [`MAX_KEYS`]. One that is absent is removed already.
    fn delete_many<'a>(&'a self, keys: &'a [BlobKey]) -> Pending<'a, ()>;

    /// Blobs of a tenant, or of all, in the order of their keys, beginning behind `after`, at most `limit`
    /// (and [`MAX_KEYS`]). Fewer than that do not mean the end; none do. For audits.
    fn list(
        &self,
        tenant: Option<TenantId>,
        after: Option<BlobKey>,
        limit: usize,
    ) -> Pending<'_, Vec<Listed>>;

    /// The multipart uploads of a key that have begun and not ended, which a process that died left of a long `put`.
    fn uploads(&self, key: BlobKey) -> Pending<'_, Vec<UploadId>>;

    /// Ends a multipart upload without a blob. One that is absent has ended already.
    fn abort<'a>(&'a self, key: BlobKey, upload: &'a UploadId) -> Pending<'a, ()>;

    /// Moves a blob between tiers, where the backend has such ([`Caps::tiers`]). It can be read all the while.
    fn set_tier(&self, key: BlobKey, tier: Tier) -> Pending<'_, ()>;

    /// A URL with which somebody else does `operation` within `ttl`, where the backend has such
    /// ([`Caps::presign`]).
    fn presign<'a>(
        &'a self,
        operation: &'a Operation,
        key: BlobKey,
        ttl: Duration,
    ) -> Pending<'a, Option<Presigned>>;
}

/// What a backend can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// A put onto an existing key is an error, also when two come at once. Else it replaces the bytes.
    pub exclusive_put: bool,
    /// The most bytes of a blob.
    pub max_put: u64,
    /// [`Backend::presign`] gives URLs.
    pub presign: bool,
    /// There is a cold tier.
    pub tiers: bool,
}

/// Where a blob is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Where reading is cheap.
    Hot,
    /// Where keeping is cheap. Reading is as fast.
    Cold,
}

/// A stored blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes.
    pub len: u64,
}

/// A blob in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Which one.
    pub key: BlobKey,
    /// Its bytes.
    pub len: u64,
}

/// A blob, or a part of it, being read.
pub struct Download {
    /// Bytes of the whole blob.
    pub len: u64,
    /// Which of them the body holds.
    pub range: Range<u64>,
    /// The bytes.
    pub body: Body,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("len", &self.len).field("range", &self.range).finish_non_exhaustive()
    }
}

/// Which bytes of a blob: from the first, up to the one before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte, from 0.
    pub start: u64,
    /// Behind the last byte; none, or behind the end of the blob, means up to its end.
    pub end: Option<u64>,
}

impl ByteRange {
    /// The range within a blob of `len` bytes. An empty one, and one that begins behind the end, is
    /// [`Error::RangeUnsatisfiable`], as in HTTP (RFC 9110, section 14.1.1).
    pub fn within(self, len: u64) -> Result<Range<u64>, Error> {
        let end = self.end.unwrap_or(len).min(len);
        if self.start < end { Ok(self.start..end) } else { Err(Error::RangeUnsatisfiable { len }) }
    }
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> Self {
        Self { start: range.start, end: Some(range.end) }
    }
}

/// A multipart upload, in the words of its backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadId(String);

impl UploadId {
    /// What a backend said.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What it said.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a presigned URL is for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Read the blob.
    Get {
        /// What the answer's `Content-Type` is to be.
        content_type: Option<String>,
        /// What the answer's `Content-Disposition` is to be.
        content_disposition: Option<String>,
    },
    /// Store the blob, of exactly so many bytes.
    Put {
        /// Bytes of the body.
        len: u64,
    },
}

/// A request that somebody else may make.
#[derive(Clone, PartialEq, Eq)]
pub struct Presigned {
    /// The method.
    pub method: String,
    /// The URL; whoever has it may use it, so it is a secret.
    pub url: String,
    /// Headers that must be sent as they are.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for Presigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presigned").field("method", &self.method).finish_non_exhaustive()
    }
}

fn check_keys(keys: &[BlobKey]) -> Result<(), Error> {
    if keys.len() <= MAX_KEYS {
        Ok(())
    } else {
        Err(Error::Setup(format!("{} keys in one call; at most {MAX_KEYS}", keys.len())))
    }
}
