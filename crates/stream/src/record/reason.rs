//! Why a recording ended.

use serde::{Deserialize, Serialize};

use super::mp4::Unfit;

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum EndReason {
    /// The publisher went, or somebody ended it.
    Ended,
    /// The program stopped.
    Stopped,
    /// The program was killed, or the machine went down. What was recorded until a second before is there.
    Interrupted,
    /// The machine did not come back for an hour. What it had stored until then is there; what it had on its own disk, some
    /// seconds as a rule, is not.
    Lost,
    /// Its bucket took nothing for a day: it is not there, or allows no more.
    Refused,
    /// The organisation may store no more. What was stored until then is there.
    QuotaExceeded,
    /// More waited on the local disk than may: the storage does not take it, or not as fast as it is recorded.
    BacklogFull,
    /// The local disk has no space left for what is recorded.
    DiskFull,
    /// The local disk cannot be written to.
    DiskFailed,
    /// The publisher changed how its tracks are encoded more often than a file can say.
    TooManyFormats,
    /// What was published does not fit into a file.
    Unfit,
}

impl EndReason {
    /// As it stands in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::QuotaExceeded => "quota_exceeded",
            Self::BacklogFull => "backlog_full",
            Self::DiskFull => "disk_full",
            Self::DiskFailed => "disk_failed",
            Self::TooManyFormats => "too_many_formats",
            Self::Unfit => "unfit",
        }
    }

    const ALL: [Self; 11] = [
        Self::Ended,
        Self::Stopped,
        Self::Interrupted,
        Self::Lost,
        Self::Refused,
        Self::QuotaExceeded,
        Self::BacklogFull,
        Self::DiskFull,
        Self::DiskFailed,
        Self::TooManyFormats,
        Self::Unfit,
    ];

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    pub(crate) fn unfit(error: Unfit) -> Self {
        tracing::warn!(%error, "a recording ends");
        Self::Unfit
    }

    pub(crate) fn disk(error: &std::io::Error) -> Self {
        tracing::warn!(%error, "a recording ends: its log cannot be written");
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::DiskFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn reasons_are_read_as_they_are_written() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::read(reason.as_str()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let full = Error::from(ErrorKind::StorageFull);
        assert_eq!(EndReason::disk(&full), EndReason::DiskFull);
        assert_eq!(EndReason::disk(&Error::from_raw_os_error(28)), EndReason::DiskFull, "ENOSPC");
        assert_eq!(EndReason::disk(&Error::from_raw_os_error(5)), EndReason::DiskFailed, "EIO");
    }
}
