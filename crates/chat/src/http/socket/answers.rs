//! What requests are answered with.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use veza_core::FieldError;

use crate::id::MemberId;
use crate::presence::Presence;

/// Nothing but that it was done.
#[derive(Serialize, ToSchema)]
#[schema(as = PlainResult)]
pub(super) struct Nothing {}

/// Who the caller is.
#[derive(Serialize, ToSchema)]
#[schema(as = HelloResult)]
pub(super) struct Welcome {
    /// Who they are in rooms.
    #[schema(value_type = uuid::Uuid)]
    pub(super) member: MemberId,
}

/// That somebody listens.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscribeResult)]
pub(super) struct Subscribed {
    /// The last event that there is.
    pub(super) head: i64,
}

/// That a message is stored.
#[derive(Serialize, ToSchema)]
#[schema(as = SendResult)]
pub(super) struct Stored {
    /// Its number in the room.
    pub(super) seq: i64,
    /// When it was stored.
    pub(super) at: DateTime<Utc>,
    /// It was stored by an earlier attempt, and nothing was added.
    pub(super) known: bool,
}

/// That something was done to a message.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageResult)]
pub(super) struct Done {
    /// The message.
    pub(super) seq: i64,
}

/// How those are who are watched.
#[derive(Serialize, ToSchema)]
#[schema(as = WatchResult)]
pub(super) struct Watched {
    /// One each.
    pub(super) members: Vec<Presence>,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestError)]
pub(super) struct Wrong<'p> {
    /// The stable code; programs decide by this.
    pub(super) code: &'p str,
    /// What went wrong this time, for people.
    pub(super) detail: &'p str,
    /// The fields that break a rule.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(super) errors: &'p [FieldError],
    /// After how many seconds trying again makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<u64>,
}
