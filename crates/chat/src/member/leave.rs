//! Somebody leaves all rooms, because they left the organisation.

use diesel::prelude::*;
use serde_json::json;
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp, Write};

use super::change::take_out;
use super::{Role, list};
use crate::error::Error;
use crate::event::EventKind;
use crate::id::{MemberId, RoomId};
use crate::log::{Entry, record};
use crate::permission::UseRooms;
use crate::room::RoomKind;
use crate::schema::{members, rooms};
use crate::standing;

/// Rooms of one transaction.
const ROOMS: i64 = 100;

/// Takes somebody out of the rooms that they had joined by a moment, a hundred at a time; answers how many those were.
/// Everybody there sees it in the log. Direct rooms keep their two members, for the other one. A room whose last owner
/// goes gets another: who is a moderator, or else a member, for the longest time.
///
/// # Errors
/// The database's own.
pub fn leave_rooms(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    who: MemberId,
    joined_by: Timestamp,
) -> Result<usize, Error> {
    let query = members::table
        .inner_join(
            rooms::table.on(rooms::tenant_id.eq(members::tenant_id).and(rooms::room_id.eq(members::room_id))),
        )
        .filter(members::tenant_id.eq(tx.tenant()).and(members::member_id.eq(who)))
        .filter(members::joined_at.le(joined_by).and(rooms::kind.ne(RoomKind::Direct.as_str())))
        // In the order in which batches lock them.
        .order(members::room_id)
        .limit(ROOMS)
        .select(members::room_id);
    let left: Vec<RoomId> = tx.load(query)?;
    for room in &left {
        let standing = standing::hold(tx, permit, *room)?;
        let before = match list::find(tx, *room, who) {
            Err(Error::NotFound(_)) => continue,
            found => found?,
        };
        take_out(tx, *room, who, standing.me)?;
        if before.role == Role::Owner {
            appoint(tx, *room, standing.me)?;
        }
    }
    Ok(left.len())
}

/// Makes somebody an owner where there is none.
fn appoint(tx: &mut TenantTx<'_>, room: RoomId, by: MemberId) -> Result<(), Error> {
    let of_role = |role: Role| {
        members::table
            .filter(members::tenant_id.eq(tx.tenant()).and(members::room_id.eq(room)))
            .filter(members::role.eq(role.as_str()))
            .order((members::joined_at, members::member_id))
            .select(members::member_id)
            .limit(1)
    };
    let [owners, moderators, others] = [Role::Owner, Role::Moderator, Role::Member].map(of_role);
    if tx.find_result::<MemberId, _>(owners)?.is_some() {
        return Ok(());
    }
    let heir = match tx.find_result::<MemberId, _>(moderators)? {
        None => tx.find_result::<MemberId, _>(others)?,
        heir => heir,
    };
    // Readers alone do not get more than they had; who manages rooms can help them.
    let Some(heir) = heir else { return Ok(()) };
    let role = Role::Owner;
    let update = diesel::update(members::table.find((tx.tenant(), room, heir)));
    tx.execute(update.set(members::role.eq(role.as_str())))?;
    let body = json!({ "member": heir, "role": role });
    record(tx, room, Entry { kind: EventKind::Role, by, target: None, body: Some(body) })?;
    Ok(())
}
