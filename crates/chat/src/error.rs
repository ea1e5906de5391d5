//! What can go wrong, as facts.

use std::time::Duration;

use veza_core::fault::{Fault, FieldError, Kind};
use veza_core::{DbError, Forbidden};

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fields of the input break rules.
    #[error("the input breaks {} rule(s)", .0.len())]
    Invalid(Vec<FieldError>),
    /// It is not there, or not for the caller to know of.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Only members may do this here.
    #[error("join the room first")]
    NotMember,
    /// The caller's role in the room does not allow it.
    #[error("the role in this room does not allow it: {0} is needed")]
    RoleNeeded(&'static str),
    /// Only who sent a message may edit it.
    #[error("only who sent a message may edit it")]
    NotSender,
    /// Nothing happens any more in an archived room.
    #[error("the room is archived")]
    Archived,
    /// A direct room is what it is.
    #[error("a direct room has its two members, no name, and is not archived")]
    Direct,
    /// A room needs an owner.
    #[error("a room needs an owner; make somebody else one first")]
    LastOwner,
    /// The message was deleted.
    #[error("the message was deleted")]
    Deleted,
    /// The tenant or the room has as many as it may have.
    #[error("there may be {max} of these: {noun}")]
    LimitReached {
        /// Of what.
        noun: &'static str,
        /// The limit.
        max: u32,
    },
    /// The version moved on since it was read.
    #[error("it was changed since it was read")]
    VersionMismatch,
    /// Somebody sends too often.
    #[error("too many messages in a short time; nothing was stored")]
    TooOften(Duration),
    /// More messages wait to be written than may.
    #[error("more messages wait to be written than may; nothing was stored")]
    Overloaded,
    /// It is not known whether the message was stored.
    #[error("the database went away; send it again with the same client id")]
    Unknown,
    /// What was sent is no request of the protocol.
    #[error("{0}")]
    Protocol(&'static str),
    /// Somebody listens on as many connections as they may.
    #[error("there may be {0} connections at once; close some of them first")]
    TooManyConnections(u32),
    /// Something is set up in a way that cannot work.
    #[error("{0}")]
    Setup(String),
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A page of a list.
    #[error(transparent)]
    Page(#[from] veza_core::page::PageError),
    /// An `Idempotency-Key`.
    #[error(transparent)]
    Idempotency(#[from] veza_core::idempotency::IdempotencyError),
    /// Files.
    #[cfg(feature = "storage")]
    #[error(transparent)]
    Storage(#[from] veza_storage::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Error {
    /// What an absent row means.
    pub(crate) fn absent(noun: &'static str) -> impl FnOnce(DbError) -> Error {
        move |error| match error {
            DbError::NotFound => Error::NotFound(noun),
            other => Error::Db(other),
        }
    }

    /// One field that breaks a rule.
    pub(crate) fn field(field: &'static str, code: &'static str, rule: &'static str) -> Error {
        Error::Invalid(vec![FieldError::new(field, code, rule)])
    }
}

veza_core::codes! {
    of Forbidden, Page, Idempotency, Db, #[cfg(feature = "storage")] Storage; uncoded;
    Error::Invalid(_) => Invalid, "chat.invalid", "Fields break rules; `errors` names each field and rule.";
    Error::NotFound(_) => NotFound, "chat.not_found", "It does not exist, or not for you.";
    Error::NotMember => Forbidden, "chat.member.needed", "Join the room first.";
    Error::RoleNeeded(_) => Forbidden, "chat.role.needed", "Your role in this room does not allow it; ask its owner.";
    Error::NotSender => Forbidden, "chat.message.not_sender", "Only who sent a message may edit it.";
    Error::Archived => Conflict, "chat.room.archived", "Nothing happens any more in an archived room; its owner can open it again.";
    Error::Direct => Conflict, "chat.room.direct", "A direct room keeps its two members, has no name and is not archived.";
    Error::LastOwner => Conflict, "chat.room.last_owner", "Make somebody else an owner first.";
    Error::Deleted => Conflict, "chat.message.deleted", "The message was deleted.";
    Error::LimitReached { .. } => QuotaExceeded, "chat.limit_reached", "Remove some of them first.";
    Error::VersionMismatch => PreconditionFailed, "chat.version_mismatch", "Read it again and repeat the change with the new ETag.";
    Error::TooOften(_) => RateLimited, "chat.send.too_often", "Nothing was stored; send it again, with the same client id, as Retry-After says.";
    Error::Overloaded => Unavailable, "chat.send.overloaded", "Nothing was stored; send it again, with the same client id, as Retry-After says.";
    Error::Unknown => Unavailable, "chat.send.unknown", "Whether it was stored is not known; send it again with the same client id.";
    Error::Protocol(_) => Invalid, "chat.protocol", "It is no request of the protocol `veza.chat.v1.json`.";
    Error::TooManyConnections(_) => RateLimited, "chat.connections.too_many", "Connect again when others of the organisation have ended.";
    Error::Setup(_) => Internal, "chat.setup", "The program put its chat together wrongly.";
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
            Error::Invalid(fields) => fields,
            Error::Page(error) => error.fields(),
            #[cfg(feature = "storage")]
            Error::Storage(error) => error.fields(),
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Db(error) => error.retry_after(),
            #[cfg(feature = "storage")]
            Error::Storage(error) => error.retry_after(),
            Error::TooOften(wait) => Some(*wait),
            Error::Overloaded | Error::Unknown => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
