//! What can go wrong between us and PostgreSQL.

use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::fault::{Fault, Kind};

/// A failed transaction or query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// No row where one was needed.
    #[error("no such row")]
    NotFound,
    /// A constraint of the schema refused the change.
    #[error("the constraint {constraint} refused the change")]
    Constraint {
        /// The name of the constraint.
        constraint: String,
    },
    /// Two transactions got in each other's way, and retrying did not help.
    #[error("the transaction conflicted with others")]
    Serialization,
    /// The transaction did not end before its deadline.
    #[error("the deadline of the transaction passed")]
    DeadlineExceeded,
    /// A lock was not to be had in time.
    #[error("a lock was not to be had in time")]
    LockTimeout,
    /// The queue is full, for this tenant or for all.
    #[error("the database queue is full")]
    Overloaded,
    /// A text holds what PostgreSQL cannot keep: the character NUL.
    #[error("a text holds the character NUL")]
    Unrepresentable,
    /// PostgreSQL cannot be reached.
    #[error("the database cannot be reached")]
    Unavailable,
    /// The transaction went on after a failed statement; nothing was written.
    #[error("a statement failed and the transaction went on without a savepoint")]
    Aborted,
    /// The closure panicked; nothing was written.
    #[error("the transaction panicked")]
    Panicked,
    /// Anything else that PostgreSQL or diesel said.
    #[error("query failed: {0}")]
    Query(#[source] DieselError),
}

impl DbError {
    /// Whether the same transaction may well succeed if it is run again.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self, Self::Serialization)
    }

    /// Whether the connection is of no more use.
    pub(crate) fn is_disconnect(&self) -> bool {
        matches!(self, Self::Unavailable)
    }

    /// The violated constraint's name, if that is what happened.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint { constraint } => Some(constraint),
            _ => None,
        }
    }
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        use DatabaseErrorKind as K;
        match error {
            DieselError::NotFound => Self::NotFound,
            DieselError::DatabaseError(kind, info) => match kind {
                K::UniqueViolation
                | K::ForeignKeyViolation
                | K::CheckViolation
                | K::NotNullViolation
                | K::RestrictViolation
                | K::ExclusionViolation => Self::Constraint {
                    constraint: info.constraint_name().or(info.column_name()).unwrap_or_default().to_owned(),
                },
                K::SerializationFailure => Self::Serialization,
                K::ClosedConnection | K::UnableToSendCommand => Self::Unavailable,
                // diesel does not pass on the SQLSTATE of these; the texts are PostgreSQL's in the
                // C and English locales (`veza doctor` looks at lc_messages).
                _ if info.message() == "deadlock detected" => Self::Serialization,
                _ if info.message() == "canceling statement due to statement timeout" => {
                    Self::DeadlineExceeded
                }
                _ if info.message() == "canceling statement due to lock timeout" => Self::LockTimeout,
                _ if info.message().starts_with("invalid byte sequence for encoding")
                    || info.message() == "unsupported Unicode escape sequence" =>
                {
                    Self::Unrepresentable
                }
                _ => Self::Query(DieselError::DatabaseError(kind, info)),
            },
            other => Self::Query(other),
        }
    }
}

impl Fault for DbError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound => Kind::NotFound,
            Self::Unrepresentable => Kind::Invalid,
            Self::Serialization | Self::LockTimeout => Kind::Conflict,
            Self::DeadlineExceeded | Self::Overloaded | Self::Unavailable => Kind::Unavailable,
            Self::Constraint { .. } | Self::Aborted | Self::Panicked | Self::Query(_) => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "core.not_found",
            Self::Unrepresentable => "core.text.invalid",
            Self::Serialization => "core.database.serialization_failure",
            Self::LockTimeout => "core.database.lock_timeout",
            Self::DeadlineExceeded => "core.database.deadline_exceeded",
            Self::Overloaded => "core.database.overloaded",
            Self::Unavailable => "core.database.unavailable",
            Self::Constraint { .. } | Self::Aborted | Self::Panicked | Self::Query(_) => "core.internal",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            Kind::Unavailable | Kind::Conflict => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
