//! Why the program ends.

/// A command failed; the text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] veza_core::config::ConfigError),
    /// The configuration cannot work.
    #[error("the configuration cannot work:{}", itemise(.0))]
    Problems(Vec<String>),
    /// The private PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] veza_postgres::Error),
    /// The schema.
    #[error(transparent)]
    Migration(#[from] veza_core::db::MigrationError),
    /// The platform.
    #[error(transparent)]
    Platform(#[from] veza::Error),
    /// The database access.
    #[error(transparent)]
    DbOpen(#[from] veza_core::db::DbOpenError),
    /// An operation on organisations.
    #[error(transparent)]
    Tenant(veza_tenant::Error),
    /// An operation on jobs.
    #[error(transparent)]
    Jobs(veza_jobs::Error),
    /// An operation on files.
    #[error(transparent)]
    Storage(veza_storage::Error),
    /// Input that breaks rules.
    #[error("the input breaks a rule:{}", itemise(&rules(.0)))]
    Invalid(Vec<veza_core::FieldError>),
    /// The mail server.
    #[error(transparent)]
    Mail(#[from] veza_tenant::mail::MailError),
    /// A file, a socket, a thread.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Telemetry.
    #[error("telemetry cannot be set up: {0}")]
    Telemetry(String),
    /// Everything else, in words.
    #[error("{0}")]
    Other(String),
}

fn itemise(lines: &[String]) -> String {
    lines.iter().flat_map(|line| ["\n  - ", line]).collect()
}

fn rules(fields: &[veza_core::FieldError]) -> Vec<String> {
    fields.iter().map(|broken| format!("{}: {}", broken.field, broken.rule)).collect()
}

impl From<veza_tenant::Error> for Error {
    fn from(error: veza_tenant::Error) -> Self {
        match error {
            veza_tenant::Error::Invalid(fields) => Self::Invalid(fields),
            other => Self::Tenant(other),
        }
    }
}

impl From<veza_storage::Error> for Error {
    fn from(error: veza_storage::Error) -> Self {
        match error {
            veza_storage::Error::Invalid(fields) => Self::Invalid(fields),
            other => Self::Storage(other),
        }
    }
}

impl From<veza_jobs::Error> for Error {
    fn from(error: veza_jobs::Error) -> Self {
        match error {
            veza_jobs::Error::Invalid(fields) => Self::Invalid(fields),
            other => Self::Jobs(other),
        }
    }
}

impl Error {
    /// Whether the database was not to be reached, which may pass.
    pub(crate) fn is_unreachable(&self) -> bool {
        use veza_core::DbError::{DeadlineExceeded, Unavailable};
        use veza_core::db::MigrationError::Connect;
        matches!(
            self,
            Self::Migration(Connect(_))
                | Self::Platform(
                    veza::Error::Schema(Connect(_))
                        | veza::Error::Tenant(veza_tenant::Error::Db(Unavailable | DeadlineExceeded))
                )
        )
    }

    /// A failed attempt to do `what`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
