//! Members of rooms.

mod change;
mod cursor;
mod leave;
mod list;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use veza_core::{Query, TenantScope, TenantTx, Write};

pub use self::change::{add_member, join, remove_member, set_role};
pub use self::cursor::{Cursor, read};
pub use self::leave::leave_rooms;
pub use self::list::list;
use crate::error::Error;
use crate::event::EventKind;
use crate::id::{MemberId, RoomId};
use crate::log::{Entry, record};
use crate::schema::{members, rooms};

/// What a member may do. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = RoomRole))]
pub enum Role {
    /// Reads and reacts.
    Reader,
    /// Writes, where the room's kind lets members write.
    Member,
    /// Deletes messages of others, changes name and topic, adds and removes members and readers.
    Moderator,
    /// Everything: also archives the room, and says who is what.
    Owner,
}

impl Role {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }

    pub(crate) fn stored(text: &str) -> Self {
        match text {
            "owner" => Self::Owner,
            "moderator" => Self::Moderator,
            "member" => Self::Member,
            _ => Self::Reader,
        }
    }
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = RoomMember))]
pub struct Member {
    /// The person or API key.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: MemberId,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: DateTime<Utc>,
    /// The last event that they read.
    pub read_seq: i64,
}

/// Makes somebody a member. The caller has checked that it may be; answers whether they were not one before.
pub(crate) fn add(
    tx: &mut TenantTx<'_>,
    room: RoomId,
    who: MemberId,
    by: MemberId,
    role: Role,
) -> Result<bool, Error> {
    let body = json!({ "member": who, "role": role });
    let row = (
        members::tenant_id.eq(tx.tenant()),
        members::room_id.eq(room),
        members::member_id.eq(who),
        members::role.eq(role.as_str()),
        members::joined_at.eq(tx.now()),
        members::read_seq.eq(0),
        members::read_messages.eq(0),
    );
    let insert = diesel::insert_into(members::table).values(row).on_conflict_do_nothing();
    if tx.execute(insert)? == 0 {
        return Ok(false);
    }
    let seq = record(tx, room, Entry { kind: EventKind::Join, by, target: None, body: Some(body) })?;
    let place = rooms::table.find((tx.tenant(), room));
    tx.execute(diesel::update(place).set(rooms::members.eq(rooms::members + 1)))?;
    // What was said before is no news to who comes.
    let messages: i64 = tx.get_result(place.select(rooms::messages))?;
    let own = members::table.find((tx.tenant(), room, who));
    let read = (members::read_seq.eq(seq), members::read_messages.eq(messages));
    tx.execute(diesel::update(own).set(read))?;
    Ok(true)
}
