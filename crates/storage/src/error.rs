//! What can go wrong, as facts.

use std::time::Duration;

use veza_core::idempotency::IdempotencyError;
use veza_core::page::PageError;
use veza_core::{DbError, Fault, FieldError, Forbidden, Kind};

use crate::digest::Algorithm;

/// The error of somebody else: of the source of a body, of a client library.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fields that break rules.
    #[error("the input breaks a rule")]
    Invalid(Vec<FieldError>),
    /// No such thing in this organisation.
    #[error("no such {0}")]
    Absent(&'static str),
    /// A bucket has this name.
    #[error("a bucket of this name exists")]
    BucketExists,
    /// The bucket holds objects or versions.
    #[error("the bucket holds objects, or versions that are kept")]
    BucketNotEmpty,
    /// The tenant has as many as it may have.
    #[error("there may be {max} of this noun: {noun}")]
    LimitReached {
        /// Of what.
        noun: &'static str,
        /// The limit.
        max: i64,
    },
    /// The version moved on since it was read.
    #[error("it was changed since it was read")]
    VersionMismatch,
    /// What the key shows is not what the condition says.
    #[error("the object is not what the condition says")]
    PreconditionFailed,
    /// The organisation may not store so much.
    #[error("the organisation would store more than it may")]
    QuotaExceeded,
    /// The bucket takes smaller objects only.
    #[error("the bucket takes objects of at most {max} bytes")]
    ObjectTooLarge {
        /// Bytes.
        max: i64,
    },
    /// The bucket does not take this media type.
    #[error("the bucket does not take this media type")]
    TypeNotAllowed,
    /// The version is retained or under legal hold.
    #[error("the version is retained, or under legal hold")]
    Retained,
    /// The upload took so long that it was given up, or somebody else goes on with it.
    #[error("the upload was given up meanwhile")]
    LeaseLost,
    /// The key that the bytes are encrypted with was dropped.
    #[error("the key of these bytes was dropped")]
    Shredded,
    /// The upload has another number of bytes than was said.
    #[error("the upload has {offset} bytes")]
    OffsetMismatch {
        /// Bytes that are there.
        offset: i64,
    },
    /// The URL's signature is none of the tenant's, or not for this.
    #[error("the URL is not signed, or is another one than was signed")]
    SignatureInvalid,
    /// The URL's time has passed.
    #[error("the URL has expired")]
    SignatureExpired,
    /// The URL does not allow to store this.
    #[error("the URL allows to store {0} only")]
    SignatureConstraint(&'static str),
    /// What is asked for needs a root key, and the deployment has none.
    #[error("this needs a root key (storage.root_key_file), and the deployment has none")]
    NoRootKey,
    /// The bucket does not let pages of this origin do this.
    #[error("the bucket does not let pages of this origin do this")]
    OriginRefused,
    /// The client does not speak tus 1.0.0.
    #[error("Tus-Resumable must be 1.0.0")]
    TusVersion,
    /// A permission is missing.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A page that cannot be given.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The idempotency key.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The queues.
    #[error(transparent)]
    Jobs(#[from] veza_jobs::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The backend has no such blob.
    #[error("there is no such blob")]
    NotFound,
    /// The backend has no such multipart upload: it was completed, aborted, or is another key's.
    #[error("there is no such upload")]
    UploadNotFound,
    /// The key has its bytes; they are never replaced.
    #[error("the blob exists")]
    Exists,
    /// The device or the account of the backend has no space left.
    #[error("the backend is full")]
    Full,
    /// The backend does not answer, or asks to come back later.
    #[error("the backend is not available: {reason}")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// For the log.
        reason: String,
    },
    /// The backend knows us and says no: a wrong secret, a missing right.
    #[error("the backend refuses: {0}")]
    Refused(String),
    /// The backend cannot do this at all.
    #[error("the backend cannot {0}")]
    Unsupported(&'static str),
    /// Stored bytes are not what was written.
    #[error("stored bytes are damaged: {0}")]
    Corrupt(&'static str),
    /// The range begins behind the end of the blob.
    #[error("the range begins behind the {len} bytes of the blob")]
    RangeUnsatisfiable {
        /// Bytes of the blob.
        len: u64,
    },
    /// The body has another length than was announced.
    #[error("the body was announced with {expected} bytes and has {actual} or more")]
    Length {
        /// Announced.
        expected: u64,
        /// What came; the rest was not read when it was too much.
        actual: u64,
    },
    /// The body has more bytes than the backend can take.
    #[error("the backend takes {max} bytes")]
    TooLarge {
        /// Bytes.
        max: u64,
    },
    /// The body has another digest than was announced.
    #[error("the body's {0} is another than was announced")]
    DigestMismatch(Algorithm),
    /// The parts named at completion are not the parts that were uploaded.
    #[error("part {number} {reason}")]
    Part {
        /// Which one.
        number: u16,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The source of the body broke off.
    #[error("the body broke off: {0}")]
    Body(BoxError),
    /// Something is set up in a way that cannot work.
    #[error("{0}")]
    Setup(String),
    /// The operating system or a library failed in a way that has no name here.
    #[error("{what}: {source}")]
    Failed {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: BoxError,
    },
    /// A key cannot be made, wrapped or unwrapped.
    #[error("cryptography failed: {0}")]
    Crypto(&'static str),
}

veza_core::codes! {
    of Forbidden, Page, Idempotency, Jobs, Db; uncoded;
    Error::Invalid(_) => Invalid, "storage.input.invalid", "Fields break rules; `errors` says which.";
    Error::Absent(_) => NotFound, "storage.not_found", "No such bucket, object, version or upload in this organisation.";
    Error::BucketExists => Conflict, "storage.bucket.exists", "Choose another name.";
    Error::BucketNotEmpty => Conflict, "storage.bucket.not_empty", "Delete its objects and versions first.";
    Error::LimitReached { .. } => QuotaExceeded, "storage.limit_reached", "Remove some of them first.";
    Error::VersionMismatch => PreconditionFailed, "storage.version_mismatch", "Read it again and repeat the change with the new ETag.";
    Error::PreconditionFailed => PreconditionFailed, "storage.object.precondition_failed", "The key shows something else than If-Match or If-None-Match says.";
    Error::QuotaExceeded => QuotaExceeded, "storage.quota_exceeded", "Delete something, or ask the operator for a higher limit.";
    Error::ObjectTooLarge { .. } => Invalid, "storage.object.too_large", "The bucket's max_object_bytes says how much it takes.";
    Error::TypeNotAllowed => Invalid, "storage.object.type_not_allowed", "The bucket's allowed_types say what it takes.";
    Error::Retained => Conflict, "storage.object.retained", "It can be deleted when its retention has ended and no legal hold is on it.";
    Error::OffsetMismatch { .. } => Conflict, "storage.upload.offset_mismatch", "Ask how many bytes are there, and go on behind them.";
    Error::SignatureInvalid => Forbidden, "storage.signature.invalid", "The URL is not signed, was altered, or its signature was ended: ask for a new one.";
    Error::SignatureExpired => Forbidden, "storage.signature.expired", "The URL's time has passed: ask for a new one.";
    Error::SignatureConstraint(_) => Forbidden, "storage.signature.constraint", "What is sent is not what the URL was signed for.";
    Error::NoRootKey => Unavailable, "storage.root_key.missing", "The operator must set storage.root_key_file.";
    Error::OriginRefused => Forbidden, "storage.cors.refused", "The bucket's cors rules do not let pages of this origin do this.";
    Error::TusVersion => PreconditionFailed, "storage.tus.version", "Only tus 1.0.0 is spoken here: send it in Tus-Resumable.";
    Error::Shredded => NotFound, "storage.object.shredded", "The organisation's key was dropped; nobody can read it any more.";
    Error::LeaseLost => Conflict, "storage.upload.lost", "It took too long, or somebody else goes on with it: begin again.";
    Error::NotFound => NotFound, "storage.blob.not_found", "The backend has no such blob.";
    Error::UploadNotFound => NotFound, "storage.upload.not_found", "The upload was completed or aborted, or never began.";
    Error::Exists => Conflict, "storage.blob.exists", "The blob has its bytes; they are never replaced.";
    Error::Full => Unavailable, "storage.backend.full", "The backend has no space left; the operator must make some.";
    Error::Unavailable { .. } => Unavailable, "storage.backend.unavailable", "The backend does not answer; try again as Retry-After says.";
    Error::Refused(_) => Internal, "storage.backend.refused", "The backend refuses the program's credentials; the operator must correct them.";
    Error::Unsupported(_) => Internal, "storage.backend.unsupported", "The backend that the operator chose cannot do this.";
    Error::Corrupt(_) => Internal, "storage.blob.corrupt", "Stored bytes are damaged; restore them from a copy.";
    Error::RangeUnsatisfiable { .. } => Invalid, "storage.range.unsatisfiable", "The range begins behind the end.";
    Error::Length { .. } => Invalid, "storage.body.length", "The body has another length than was announced.";
    Error::TooLarge { .. } => Invalid, "storage.body.too_large", "The body has more bytes than the backend can take.";
    Error::DigestMismatch(_) => Invalid, "storage.body.digest_mismatch", "The body has another digest than was announced: send it again.";
    Error::Part { .. } => Invalid, "storage.upload.part_invalid", "A part named at completion is missing or another one.";
    Error::Body(_) => Invalid, "storage.body.interrupted", "The body broke off: send it again.";
    Error::Setup(_) => Internal, "storage.setup", "The storage is configured in a way that cannot work.";
    Error::Failed { .. } => Internal, "storage.backend.failed", "The backend failed in an unforeseen way.";
    Error::Crypto(_) => Internal, "storage.crypto", "A key cannot be made, wrapped or unwrapped.";
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        self.kind_and_code().0
    }

    fn code(&self) -> &'static str {
        self.kind_and_code().1
    }

    fn fields(&self) -> &[FieldError] {
        match self {
            Self::Invalid(fields) => fields,
            Self::Page(error) => error.fields(),
            Self::Jobs(error) => error.fields(),
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Unavailable { retry_after, .. } => Some(*retry_after),
            Error::Db(error) => error.retry_after(),
            // Somebody has to make space: an hour is a guess at how long that takes a person.
            Error::Full | Error::NoRootKey => Some(Duration::from_hours(1)),
            _ => None,
        }
    }
}
