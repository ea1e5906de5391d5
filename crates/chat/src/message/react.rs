//! Reactions: an emoji of somebody's, once for each message.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use serde_json::json;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use super::{Message, find, find_present};
use crate::error::Error;
use crate::event::EventKind;
use crate::id::{MemberId, RoomId};
use crate::log::{Entry, record};
use crate::permission::UseRooms;
use crate::schema::reactions;
use crate::standing;

/// Different emojis that a message may have.
const MAX_EMOJIS: u32 = 50;

/// Reacts to a message. A reaction that is there stays.
///
/// # Errors
/// [`Error::Invalid`] for what is no emoji or short word, [`Error::LimitReached`], [`Error::Deleted`],
/// [`Error::NotMember`].
pub fn react(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    room: RoomId,
    seq: i64,
    emoji: &str,
) -> Result<Message, Error> {
    check(emoji)?;
    let standing = standing::hold(tx, permit, room)?;
    standing.reader()?;
    let message = find_present(tx, room, standing.me, seq)?;
    standing.member()?;
    let many = u32::try_from(message.reactions.len()).is_ok_and(|count| count >= MAX_EMOJIS);
    if many && !message.reactions.contains_key(emoji) {
        return Err(Error::LimitReached { noun: "emoji of a message", max: MAX_EMOJIS });
    }
    let row = (
        reactions::tenant_id.eq(tx.tenant()),
        reactions::room_id.eq(room),
        reactions::seq.eq(seq),
        reactions::emoji.eq(emoji),
        reactions::member_id.eq(standing.me),
        reactions::at.eq(tx.now()),
    );
    if tx.execute(diesel::insert_into(reactions::table).values(row).on_conflict_do_nothing())? == 0 {
        return Ok(message);
    }
    changed(tx, standing.me, room, seq, EventKind::React, emoji)
}

/// Takes a reaction back. One that is not there needs no taking back.
pub fn unreact(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    room: RoomId,
    seq: i64,
    emoji: &str,
) -> Result<Message, Error> {
    check(emoji)?;
    let standing = standing::hold(tx, permit, room)?;
    standing.reader()?;
    let message = find(tx, room, standing.me, seq)?;
    standing.member()?;
    let own = reactions::table.find((tx.tenant(), room, seq, emoji, standing.me));
    if tx.execute(diesel::delete(own))? == 0 {
        return Ok(message);
    }
    changed(tx, standing.me, room, seq, EventKind::Unreact, emoji)
}

/// Writes down that `who` reacted or took it back, and counts one more or less. The room is locked, so nobody else
/// counts. Gives the message as it is now.
fn changed(
    tx: &mut TenantTx<'_>,
    who: MemberId,
    room: RoomId,
    seq: i64,
    kind: EventKind,
    emoji: &str,
) -> Result<Message, Error> {
    let body = Some(json!({ "emoji": emoji }));
    record(tx, room, Entry { kind, by: who, target: Some(seq), body })?;
    let step = if kind == EventKind::React { 1 } else { -1 };
    let note = diesel::sql_query(
        "INSERT INTO chat.message_states AS s (tenant_id, room_id, seq, reactions) \
         VALUES ($1, $2, $3, jsonb_build_object($4, $5)) ON CONFLICT (tenant_id, room_id, seq) \
         DO UPDATE SET reactions = (SELECT CASE WHEN n.count > 0 THEN s.reactions || jsonb_build_object($4, n.count) \
                                                ELSE s.reactions - $4 END \
                                    FROM (SELECT coalesce((s.reactions ->> $4)::bigint, 0) + $5 AS count) AS n)",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room)
    .bind::<BigInt, _>(seq)
    .bind::<Text, _>(emoji)
    .bind::<BigInt, _>(step);
    tx.execute(note)?;
    find(tx, room, who, seq)
}

fn check(emoji: &str) -> Result<(), Error> {
    let plain = !emoji.chars().any(|c| c.is_control() || c.is_whitespace());
    if (1..=64).contains(&emoji.len()) && plain {
        return Ok(());
    }
    Err(Error::field("emoji", "emoji", "1 to 64 bytes without spaces: an emoji, or a word for one"))
}
