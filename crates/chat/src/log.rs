//! The log of a room: one event more, and those that are there.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Json, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::Value;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use crate::error::Error;
use crate::event::{self, Event, EventKind};
use crate::id::{MemberId, RoomId};
use crate::permission::UseRooms;
use crate::standing;

/// What hubs listen to.
pub(crate) const CHANNEL: &str = "chat";

/// What is to be written down.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kind: EventKind,
    pub(crate) by: MemberId,
    pub(crate) target: Option<i64>,
    pub(crate) body: Option<Value>,
}

#[derive(QueryableByName)]
struct Next {
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
    #[diesel(sql_type = BigInt)]
    messages: i64,
}

/// Writes an event with the room's next number. The room's row is locked from here to the end of the transaction. For all
/// but messages, which are written in batches.
pub(crate) fn record(tx: &mut TenantTx<'_>, room: RoomId, entry: Entry) -> Result<i64, Error> {
    let next = diesel::sql_query(
        "UPDATE chat.rooms SET last_seq = last_seq + 1 WHERE tenant_id = $1 AND room_id = $2 RETURNING last_seq, messages",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room);
    let next: Next = tx.get_result(next).map_err(Error::absent("room"))?;
    let insert = diesel::sql_query(
        "INSERT INTO chat.events (tenant_id, room_id, seq, kind, actor_id, target_seq, at, messages, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room)
    .bind::<BigInt, _>(next.last_seq)
    .bind::<Text, _>(entry.kind.as_str())
    .bind::<SqlUuid, _>(entry.by)
    .bind::<Nullable<BigInt>, _>(entry.target)
    .bind::<Timestamptz, _>(tx.now())
    .bind::<BigInt, _>(next.messages)
    .bind::<Nullable<Json>, _>(entry.body);
    tx.execute(insert)?;
    tx.signal(CHANNEL, room.to_string(), next.last_seq);
    Ok(next.last_seq)
}

/// The events behind `after`, in order, `limit` at most.
pub(crate) fn since(
    tx: &mut impl TenantScope,
    room: RoomId,
    after: i64,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let query = diesel::sql_query(
        "SELECT seq, kind, actor_id, target_seq, at, messages, body::text FROM chat.events \
         WHERE tenant_id = $1 AND room_id = $2 AND seq > $3 ORDER BY seq LIMIT $4",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit);
    let rows: Vec<event::Row> = tx.load(query)?;
    Ok(rows.into_iter().map(Event::from).collect())
}

/// The log of a room behind the event `after`, oldest first, `limit` events at most.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotMember`] when the caller may not read there.
pub fn events(
    tx: &mut impl TenantScope,
    permit: &Permit<UseRooms>,
    room: RoomId,
    after: i64,
    limit: u16,
) -> Result<Vec<Event>, Error> {
    standing::look(tx, permit, room)?.reader()?;
    since(tx, room, after, limit.into())
}
