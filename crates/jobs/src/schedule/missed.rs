//! What becomes of ticks that nobody was there for.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The most ticks that a schedule catches up with.
pub const MAX_CAUGHT_UP: u8 = 100;

/// What becomes of ticks while no worker ran, or the tenant was suspended. A tick that is at most half a
/// minute late is not missed, and always runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Missed {
    /// Nothing.
    Skip,
    /// If any was missed, the last one runs late, unless a later one runs in time.
    #[default]
    One,
    /// The last so many run, from 1 to 100, in their order.
    All(u8),
}

impl Missed {
    pub(super) fn check(self) -> Result<(), Error> {
        match self {
            Self::All(max) if !(1..=MAX_CAUGHT_UP).contains(&max) => {
                Err(Error::field("/missed/all", "out_of_range", "from 1 to 100"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn columns(self) -> (&'static str, i16) {
        match self {
            Self::Skip => ("skip", 1),
            Self::One => ("one", 1),
            Self::All(max) => ("all", max.into()),
        }
    }

    /// As the database has it, where it was checked before.
    pub(super) fn stored(policy: &str, max: i16) -> Self {
        match policy {
            "skip" => Self::Skip,
            "all" => Self::All(u8::try_from(max).unwrap_or(1)),
            _ => Self::One,
        }
    }
}
