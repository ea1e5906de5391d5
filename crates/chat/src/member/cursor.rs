//! How far somebody has read.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use crate::error::Error;
use crate::id::RoomId;
use crate::permission::UseRooms;
use crate::schema::members;
use crate::standing;

/// How far somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Cursor {
    /// The last event that they read.
    pub read_seq: i64,
    /// How many messages came since; deleted ones count.
    pub unread: i64,
}

#[derive(QueryableByName)]
struct Messages {
    #[diesel(sql_type = BigInt)]
    messages: i64,
}

/// Notes that the caller has read everything up to `seq`. What was read stays read: a lower number changes nothing.
///
/// # Errors
/// [`Error::Invalid`] for an event that is not there yet, [`Error::NotMember`].
pub fn read(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    room: RoomId,
    seq: i64,
) -> Result<Cursor, Error> {
    let standing = standing::look(tx, permit, room)?;
    let own = standing.own.ok_or(Error::NotMember)?;
    let all = standing.room.messages;
    if seq > standing.room.last_seq || seq < 0 {
        return Err(Error::field("/seq", "out_of_range", "the number of an event of this room"));
    }
    if seq <= own.read_seq {
        return Ok(Cursor { read_seq: own.read_seq, unread: all - own.read_messages });
    }
    let messages = diesel::sql_query(
        "SELECT messages FROM chat.events WHERE tenant_id = $1 AND room_id = $2 AND seq = $3",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room)
    .bind::<BigInt, _>(seq);
    let messages = tx.get_result::<Messages, _>(messages)?.messages;
    let update = diesel::update(members::table.find((tx.tenant(), room, standing.me)))
        .filter(members::read_seq.lt(seq))
        .set((members::read_seq.eq(seq), members::read_messages.eq(messages)));
    tx.execute(update)?;
    Ok(Cursor { read_seq: seq, unread: all - messages })
}
