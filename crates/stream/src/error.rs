//! What can go wrong, as facts.

use std::time::Duration;

use veza_core::fault::{Fault, FieldError, Kind};
use veza_core::{DbError, Forbidden};

use crate::plane::PlaneError;
use crate::sdp::Refusal;

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
    /// The tenant or the channel has as many as it may have.
    #[error("there may be {max} of these: {noun}")]
    LimitReached {
        /// Of what.
        noun: &'static str,
        /// The limit.
        max: u32,
    },
    /// As many watch as may.
    #[error("there may be {max} viewers of {of} at once")]
    TooManyViewers {
        /// Of the channel or of the organisation.
        of: &'static str,
        /// The limit.
        max: u32,
    },
    /// As many of the tenant's sessions wait for their peers as may.
    #[error("there may be {max} sessions of an organisation at once whose peers have not come")]
    TooManyWaiting {
        /// The limit.
        max: usize,
    },
    /// The version moved on since it was read.
    #[error("it was changed since it was read")]
    VersionMismatch,
    /// Somebody publishes already.
    #[error("somebody publishes to the channel already")]
    Busy,
    /// Nobody publishes.
    #[error("nobody publishes to the channel now")]
    NotLive,
    /// It is published to another process.
    #[error("what is live is at another process")]
    Elsewhere,
    /// The process has no media port.
    #[error("this process takes no media")]
    NoMedia,
    /// The process has as many sessions as it may have.
    #[error("the server has as many sessions as it takes")]
    Full,
    /// The process has no time for another viewer.
    #[error("the server has no time for another viewer now")]
    Overloaded,
    /// The process is about to end.
    #[error("the server is about to stop")]
    Draining,
    /// A description is none.
    #[error("{0}")]
    Malformed(Refusal),
    /// A description asks for what is not served here.
    #[error("{0}")]
    Unsupported(Refusal),
    /// The body is of another type.
    #[error("the body must be {0}")]
    MediaType(&'static str),
    /// A condition is missing.
    #[error("If-Match is needed: the ETag for candidates, * to restart")]
    ConditionNeeded,
    /// The condition does not hold.
    #[error("the ETag is not that of the session's transport now")]
    ConditionFailed,
    /// A token is none of ours, or for something else.
    #[error("the token is not valid")]
    TokenInvalid,
    /// A token's time has passed, or it was ended.
    #[error("the token has expired or was ended")]
    TokenExpired,
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
    /// The tenant's topic.
    #[error(transparent)]
    Jobs(#[from] veza_jobs::Error),
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
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal.kind {
            crate::sdp::RefusalKind::Malformed => Self::Malformed(refusal),
            _ => Self::Unsupported(refusal),
        }
    }
}

impl From<PlaneError> for Error {
    fn from(error: PlaneError) -> Self {
        match error {
            PlaneError::Full => Self::Full,
            PlaneError::Overloaded => Self::Overloaded,
            PlaneError::Draining => Self::Draining,
            PlaneError::Unknown => Self::NotLive,
            other => Self::Setup(other.to_string()),
        }
    }
}

veza_core::codes! {
    of Forbidden, Page, Idempotency, Jobs, Db; uncoded;
    Error::Invalid(_) => Invalid, "stream.invalid", "Fields break rules; `errors` names each field and rule.";
    Error::NotFound(_) => NotFound, "stream.not_found", "It does not exist, or not for you.";
    Error::LimitReached { .. } => QuotaExceeded, "stream.limit_reached", "Wait until there are fewer, or until the month ends; the operator sets these limits.";
    Error::TooManyViewers { .. } => RateLimited, "stream.viewers.too_many", "As many watch as the channel or the organisation lets; try again as Retry-After says.";
    Error::TooManyWaiting { .. } => RateLimited, "stream.sessions.too_many_waiting", "Sessions were asked for whose peers have not come; let them come, and try again as Retry-After says.";
    Error::VersionMismatch => PreconditionFailed, "stream.version_mismatch", "Read it again and repeat the change with the new ETag.";
    Error::Busy => Conflict, "stream.channel.busy", "Somebody publishes already; end their session, or use a token or a channel that allows taking over.";
    Error::NotLive => Conflict, "stream.channel.not_live", "Nobody publishes; try again as Retry-After says.";
    Error::Elsewhere => Unavailable, "stream.channel.elsewhere", "It is live at another process of the deployment; send requests for a channel to the one.";
    Error::NoMedia => Unavailable, "stream.media.none", "This process does not run the role `stream`.";
    Error::Full => Unavailable, "stream.media.full", "Try again as Retry-After says, or at another server.";
    Error::Overloaded => Unavailable, "stream.media.overloaded", "Try again as Retry-After says, or at another server; who watches already goes on.";
    Error::Draining => Unavailable, "stream.media.draining", "The server is about to stop; try again as Retry-After says.";
    Error::Malformed(_) => Invalid, "stream.sdp.malformed", "The description or fragment breaks the rule of its grammar that `detail` names.";
    Error::Unsupported(_) => Invalid, "stream.sdp.unsupported", "The description is one that is not served here (422); `detail` says why.";
    Error::MediaType(_) => Invalid, "stream.body.unsupported_media_type", "The body is of another type than the route reads (415).";
    Error::ConditionNeeded => Invalid, "stream.condition.needed", "Send If-Match: the session's ETag with candidates, `*` to restart (428).";
    Error::ConditionFailed => PreconditionFailed, "stream.condition.failed", "The transport was restarted since; use the ETag of that answer.";
    Error::TokenInvalid => Unauthenticated, "stream.token.invalid", "The token was altered, or is none; get a new one.";
    Error::TokenExpired => Unauthenticated, "stream.token.expired", "Get a new token.";
    Error::Setup(_) => Internal, "stream.setup", "The program put its channels together wrongly.";
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
            Error::Jobs(error) => error.fields(),
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Db(error) => error.retry_after(),
            Error::Jobs(error) => error.retry_after(),
            Error::NotLive => Some(Duration::from_secs(3)),
            Error::TooManyWaiting { .. } => Some(Duration::from_secs(5)),
            Error::TooManyViewers { .. } | Error::Full | Error::Overloaded | Error::Draining => {
                Some(Duration::from_secs(10))
            }
            Error::NoMedia | Error::Elsewhere => Some(Duration::from_mins(1)),
            _ => None,
        }
    }
}
