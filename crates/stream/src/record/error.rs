//! What can go wrong with recordings, as facts.

use std::time::Duration;

use veza_core::page::PageError;
use veza_core::{DbError, Fault, FieldError, Forbidden, Kind};

use super::mp4::Unfit;

/// Any failure of recordings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such thing in this organisation.
    #[error("no such {0}")]
    Absent(&'static str),
    /// It is still being recorded.
    #[error("the recording has not ended")]
    Running,
    /// Its file is not made yet.
    #[error("the recording has no file yet")]
    NoFile,
    /// What is stored of it is not what was stored.
    #[error("stored parts of the recording are damaged")]
    Damaged,
    /// A file cannot hold it.
    #[error("a file cannot hold it: {0}")]
    Unfit(String),
    /// As much of the organisation's waits to be stored as may.
    #[error("as much of the organisation's recordings waits to be stored as may")]
    BacklogFull,
    /// The local log cannot be written or read.
    #[error("the local log: {0}")]
    Log(#[from] std::io::Error),
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A page that cannot be given.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Files.
    #[error(transparent)]
    Storage(#[from] veza_storage::Error),
    /// The queues.
    #[error(transparent)]
    Jobs(#[from] veza_jobs::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Error {
    pub(crate) fn unfit(error: Unfit) -> Self {
        Self::Unfit(error.to_string())
    }
}

veza_core::codes! {
    of Forbidden, Page, Storage, Jobs, Db; uncoded;
    Error::Absent(_) => NotFound, "stream.recording.not_found", "No such recording in this organisation.";
    Error::Running => Conflict, "stream.recording.running", "End the session that is recorded first.";
    Error::NoFile => Conflict, "stream.recording.no_file", "Its file is made some time after it ends; a recording of nothing has none.";
    Error::Damaged => Internal, "stream.recording.damaged", "Stored parts of the recording are damaged; restore them from a copy.";
    Error::Unfit(_) => Internal, "stream.recording.unfit", "What was published does not fit into a file.";
    Error::BacklogFull => Unavailable, "stream.recording.backlog_full", "The storage takes no recordings of the organisation, or not fast enough; see stream.record.";
    Error::Log(_) => Unavailable, "stream.recording.log", "The program cannot write its log; the operator must look at stream.record.directory.";
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
            Self::Page(error) => error.fields(),
            Self::Storage(error) => error.fields(),
            Self::Jobs(error) => error.fields(),
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Db(error) => error.retry_after(),
            Self::Storage(error) => error.retry_after(),
            // The file of a long recording takes some seconds.
            Self::NoFile => Some(Duration::from_secs(10)),
            Self::Log(_) | Self::BacklogFull => Some(Duration::from_mins(1)),
            _ => None,
        }
    }
}
