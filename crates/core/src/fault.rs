//! What went wrong, in the terms that every transport can map.

use std::borrow::Cow;
use std::time::Duration;

/// The kind of a failure. Each transport has one table from kinds to its own codes
/// (HTTP status, gRPC status, close code).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The thing does not exist, or not for this caller; the two are never told apart.
    NotFound,
    /// The state of things forbids it: a name taken, a version moved on.
    Conflict,
    /// A condition the caller set on the state of the resource does not hold (`If-Match`).
    PreconditionFailed,
    /// The input breaks a rule.
    Invalid,
    /// Who is asking is not known, or no longer.
    Unauthenticated,
    /// Who is asking is known and may not.
    Forbidden,
    /// A limit of what the tenant may have is reached.
    QuotaExceeded,
    /// A limit of how often the tenant may ask is reached.
    RateLimited,
    /// It would work later.
    Unavailable,
    /// Our fault; the details stay in the log.
    Internal,
}

/// One field of the input that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// Where the field is, as a JSON pointer (RFC 6901) into the body: `/owner/email`;
    /// or the name of a header or query parameter.
    pub field: Cow<'static, str>,
    /// A stable code of the rule: `too_long`.
    pub code: &'static str,
    /// The rule in words: `at most 200 characters`.
    pub rule: Cow<'static, str>,
}

impl FieldError {
    /// A broken rule at `field`.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        code: &'static str,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), code, rule: rule.into() }
    }
}

/// An error that a transport can show. Each crate's `Error` implements it.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// What kind of failure it is.
    fn kind(&self) -> Kind;
    /// The stable, documented code: `tenant.invitation.expired`. Never renamed.
    fn code(&self) -> &'static str;
    /// The fields that break a rule, for [`Kind::Invalid`].
    fn fields(&self) -> &[FieldError] {
        &[]
    }
    /// How long to wait before trying again, where that is known.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// One entry of the generated list of error codes.
#[derive(Debug, Clone, Copy)]
pub struct CodeDoc {
    /// The code.
    pub code: &'static str,
    /// The kind behind it.
    pub kind: Kind,
    /// When it happens and what to do.
    pub meaning: &'static str,
}
