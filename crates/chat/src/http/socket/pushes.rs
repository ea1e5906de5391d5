//! What comes without being asked for. The field `type` says which it is.

use serde::Serialize;
use utoipa::ToSchema;

use crate::hub::SignalKind;
use crate::id::{MemberId, RoomId};

/// The next event of a room.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPush)]
pub(super) struct Event<'e> {
    /// The room.
    #[schema(value_type = uuid::Uuid)]
    pub(super) room: RoomId,
    /// What happened.
    #[serde(flatten)]
    pub(super) event: &'e crate::Event,
}

/// What somebody does at this moment.
#[derive(Serialize, ToSchema)]
#[schema(as = SignalPush)]
pub(super) struct Signal {
    /// The room.
    #[schema(value_type = uuid::Uuid)]
    pub(super) room: RoomId,
    /// What they do.
    pub(super) kind: SignalKind,
    /// Who.
    #[schema(value_type = uuid::Uuid)]
    pub(super) by: MemberId,
    /// How far they have read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<i64>,
}

/// What was asked for is ahead of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = ResetPush)]
pub(super) struct Reset {
    /// The room.
    #[schema(value_type = uuid::Uuid)]
    pub(super) room: RoomId,
    /// The last event that there is; what comes is behind it.
    pub(super) head: i64,
}

/// The room may not be read any more.
#[derive(Serialize, ToSchema)]
#[schema(as = EndedPush)]
pub(super) struct Ended {
    /// The room.
    #[schema(value_type = uuid::Uuid)]
    pub(super) room: RoomId,
}
