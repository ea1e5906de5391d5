//! A message goes; its number stays.

use diesel::sql_types::{BigInt, Timestamptz, Uuid as SqlUuid};
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use super::{Message, find};
use crate::error::Error;
use crate::event::EventKind;
use crate::id::RoomId;
use crate::log::{Entry, record};
use crate::permission::UseRooms;
use crate::standing;

/// Deletes a message, as who sent it and moderators may: its bodies are overwritten, also in the log, and its reactions
/// are forgotten. A message that was deleted stays so.
///
/// # Errors
/// [`Error::RoleNeeded`] for a message of somebody else.
pub fn delete(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    room: RoomId,
    seq: i64,
) -> Result<Message, Error> {
    let standing = standing::hold(tx, permit, room)?;
    let moderates = standing.moderator();
    if moderates.is_err() {
        standing.reader()?;
    }
    let message = find(tx, room, standing.me, seq)?;
    if message.by != standing.me {
        moderates?;
    }
    if message.deleted_at.is_some() {
        return Ok(message);
    }
    let entry = Entry { kind: EventKind::Delete, by: standing.me, target: Some(seq), body: None };
    record(tx, room, entry)?;
    let forget = "UPDATE chat.events SET body = NULL WHERE tenant_id = $1 AND room_id = $2 AND seq = $3";
    let forget_edits = "UPDATE chat.events SET body = NULL \
                        WHERE tenant_id = $1 AND room_id = $2 AND target_seq = $3 AND kind = 'edit'";
    let forget_reactions = "DELETE FROM chat.reactions WHERE tenant_id = $1 AND room_id = $2 AND seq = $3";
    for sql in [forget, forget_edits, forget_reactions] {
        let statement = diesel::sql_query(sql)
            .bind::<SqlUuid, _>(tx.tenant())
            .bind::<SqlUuid, _>(room)
            .bind::<BigInt, _>(seq);
        tx.execute(statement)?;
    }
    let note = diesel::sql_query(
        "INSERT INTO chat.message_states (tenant_id, room_id, seq, deleted_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, room_id, seq) \
         DO UPDATE SET body = NULL, deleted_at = excluded.deleted_at, reactions = '{}'",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room)
    .bind::<BigInt, _>(seq)
    .bind::<Timestamptz, _>(tx.now());
    tx.execute(note)?;
    find(tx, room, standing.me, seq)
}
