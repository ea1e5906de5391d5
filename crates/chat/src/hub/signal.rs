//! What is worth knowing now or never: it is in no log, and is lost when there is no room for it.

use serde::{Deserialize, Serialize};

use crate::event::Place;
use crate::id::MemberId;

/// What somebody does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum SignalKind {
    /// They write.
    Typing,
    /// They have read up to `seq`.
    Read,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) place: Place,
    pub(crate) kind: SignalKind,
    pub(crate) by: MemberId,
    pub(crate) seq: Option<i64>,
}
