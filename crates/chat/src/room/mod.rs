//! Rooms.

mod change;
mod create;
mod direct;
mod list;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::change::{RoomChange, update};
pub use self::create::{NewRoom, create};
pub use self::direct::direct;
pub use self::list::{RoomsOf, get, list};
use crate::id::{MemberId, RoomId};
use crate::member::Role;
use crate::schema::{members, rooms};

/// Who may see a room, and who may write there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum RoomKind {
    /// Everybody of the organisation may see, read and join it; members write.
    Public,
    /// Only members know of it; they write.
    Private,
    /// Two people, and nobody else ever.
    Direct,
    /// Everybody of the organisation may see, read and join it; owners and moderators write.
    Broadcast,
}

impl RoomKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Direct => "direct",
            Self::Broadcast => "broadcast",
        }
    }

    pub(crate) fn stored(text: &str) -> Self {
        match text {
            "public" => Self::Public,
            "direct" => Self::Direct,
            "broadcast" => Self::Broadcast,
            _ => Self::Private,
        }
    }

    /// Whether everybody of the organisation may read it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Public | Self::Broadcast)
    }
}

/// A room, as somebody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Room {
    /// The room's id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: RoomId,
    /// Who may see it and write there.
    pub kind: RoomKind,
    /// What it is called. A direct room has no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The two members of a direct room.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schema(value_type = Option<Vec<uuid::Uuid>>))]
    pub between: Option<Vec<MemberId>>,
    /// How many members it has.
    pub members: i32,
    /// The number of its last event.
    pub last_seq: i64,
    /// How many of its events are messages.
    pub messages: i64,
    /// When the last message was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<DateTime<Utc>>,
    /// What the caller is there; absent for who is no member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
    /// Whether nothing happens there any more.
    pub archived: bool,
    /// Grows with every change of its settings; the ETag.
    pub version: i64,
    /// Who made it.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub created_by: MemberId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its settings were changed last.
    pub updated_at: DateTime<Utc>,
}

/// What somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Membership {
    /// What they may do.
    pub role: Role,
    /// The last event that they read.
    pub read_seq: i64,
    /// How many messages came since; deleted ones count.
    pub unread: i64,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = rooms)]
pub(crate) struct Row {
    pub(crate) room_id: RoomId,
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
    pub(crate) topic: Option<String>,
    pub(crate) direct_key: Option<String>,
    pub(crate) last_seq: i64,
    pub(crate) messages: i64,
    pub(crate) last_message_at: Option<DateTime<Utc>>,
    pub(crate) members: i32,
    pub(crate) version: i64,
    pub(crate) created_by: MemberId,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) archived_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = members)]
pub(crate) struct MemberRow {
    pub(crate) member_id: MemberId,
    pub(crate) role: String,
    pub(crate) joined_at: DateTime<Utc>,
    pub(crate) read_seq: i64,
    pub(crate) read_messages: i64,
}

impl Row {
    /// The room as the one sees it whose membership `own` is.
    pub(crate) fn seen_by(self, own: Option<&MemberRow>) -> Room {
        let messages = self.messages;
        Room {
            id: self.room_id,
            kind: RoomKind::stored(&self.kind),
            name: self.name,
            topic: self.topic,
            between: self.direct_key.as_deref().map(direct::between),
            members: self.members,
            last_seq: self.last_seq,
            messages,
            last_message_at: self.last_message_at,
            membership: own.map(|own| Membership {
                role: Role::stored(&own.role),
                read_seq: own.read_seq,
                unread: messages - own.read_messages,
            }),
            archived: self.archived_at.is_some(),
            version: self.version,
            created_by: self.created_by,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
