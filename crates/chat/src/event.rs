//! Events: what the log of a room is made of.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use veza_core::{TenantId, Timestamp};

use crate::id::{MemberId, RoomId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum EventKind {
    /// The room was made, or its settings changed. `body` has what it is called, its topic, whether it is archived.
    Room,
    /// A message was sent. `body` is its, with the files that it carries as `attachments`; `target` the message that it
    /// replies to.
    Message,
    /// The message `target` was edited. `body` is its new one, with the same files.
    Edit,
    /// The message `target` was deleted.
    Delete,
    /// `by` reacted to `target` with `body.emoji`.
    React,
    /// `by` took the reaction `body.emoji` to `target` back.
    Unreact,
    /// `body.member` became a member, with `body.role`; `by` is who did it.
    Join,
    /// `body.member` is a member no more; `by` is who did it.
    Leave,
    /// `body.member` has `body.role` now.
    Role,
}

impl EventKind {
    /// The word for it, in the log and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Message => "message",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::React => "react",
            Self::Unreact => "unreact",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Role => "role",
        }
    }

    /// As the database has it, where it was written by [`EventKind::as_str`].
    fn stored(text: &str) -> Self {
        match text {
            "message" => Self::Message,
            "edit" => Self::Edit,
            "delete" => Self::Delete,
            "react" => Self::React,
            "unreact" => Self::Unreact,
            "join" => Self::Join,
            "leave" => Self::Leave,
            "role" => Self::Role,
            _ => Self::Room,
        }
    }
}

/// One event of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its number in the room: one more than that of the event before.
    pub seq: i64,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub by: MemberId,
    /// When.
    pub at: DateTime<Utc>,
    /// The message that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<i64>,
    /// How many of the room's events up to here are messages.
    pub messages: i64,
    /// The rest, by kind. A deleted message has none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "raw",
        deserialize_with = "read_raw"
    )]
    #[cfg_attr(feature = "http", schema(value_type = Object))]
    pub body: Option<Arc<str>>,
}

/// The body is JSON already.
#[allow(clippy::ref_option, reason = "serde hands it over so")]
fn raw<S: Serializer>(body: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(body) = body else { return serializer.serialize_none() };
    let raw: &RawValue = serde_json::from_str(body).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

/// The body as it is written.
fn read_raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<str>>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.map(|raw| Arc::from(raw.get())))
}

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) tenant: TenantId,
    pub(crate) room: RoomId,
}

#[derive(QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = SqlUuid)]
    actor_id: MemberId,
    #[diesel(sql_type = Nullable<BigInt>)]
    target_seq: Option<i64>,
    #[diesel(sql_type = Timestamptz)]
    at: Timestamp,
    #[diesel(sql_type = BigInt)]
    messages: i64,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

impl From<Row> for Event {
    fn from(row: Row) -> Self {
        Self {
            seq: row.seq,
            kind: EventKind::stored(&row.kind),
            by: row.actor_id,
            at: row.at,
            target: row.target_seq,
            messages: row.messages,
            body: row.body.map(Arc::from),
        }
    }
}
