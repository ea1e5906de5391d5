//! Rooms that somebody may see.

use diesel::prelude::*;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope};

use super::{MemberRow, Room, Row};
use crate::error::Error;
use crate::id::{self, RoomId};
use crate::permission::UseRooms;
use crate::schema::{members, rooms};
use crate::standing;

/// Which rooms to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomsOf {
    /// Those that the caller belongs to, archived ones included.
    Caller,
    /// Those that everybody may join, without archived ones.
    Everybody,
}

/// One room.
pub fn get(tx: &mut impl TenantScope, permit: &Permit<UseRooms>, room: RoomId) -> Result<Room, Error> {
    let standing = standing::look(tx, permit, room)?;
    Ok(standing.room.seen_by(standing.own.as_ref()))
}

/// Rooms, oldest first.
pub fn list(
    tx: &mut impl TenantScope,
    permit: &Permit<UseRooms>,
    of: RoomsOf,
    page: &PageRequest<RoomId>,
) -> Result<Page<Room>, Error> {
    let me = id::member(permit.caller());
    let own = members::tenant_id
        .eq(rooms::tenant_id)
        .and(members::room_id.eq(rooms::room_id))
        .and(members::member_id.eq(me));
    let rows: Vec<(Row, Option<MemberRow>)> = match of {
        RoomsOf::Caller => {
            let query = members::table
                .inner_join(rooms::table.on(own))
                .filter(members::tenant_id.eq(tx.tenant()).and(members::member_id.eq(me)))
                .filter(members::room_id.gt(page.after.unwrap_or(NO_ROOM)))
                .order(members::room_id)
                .limit(page.fetch())
                .select((Row::as_select(), MemberRow::as_select()));
            let rows: Vec<(Row, MemberRow)> = tx.load(query)?;
            rows.into_iter().map(|(room, own)| (room, Some(own))).collect()
        }
        RoomsOf::Everybody => {
            let query = rooms::table
                .left_join(members::table.on(own))
                .filter(rooms::tenant_id.eq(tx.tenant()).and(rooms::kind.eq_any(["public", "broadcast"])))
                .filter(rooms::archived_at.is_null().and(rooms::room_id.gt(page.after.unwrap_or(NO_ROOM))))
                .order(rooms::room_id)
                .limit(page.fetch())
                .select((Row::as_select(), Option::<MemberRow>::as_select()));
            tx.load(query)?
        }
    };
    let rooms = rows.into_iter().map(|(room, own)| room.seen_by(own.as_ref())).collect();
    Ok(Page::new(page, rooms, |room: &Room| room.id))
}

/// Less than every room's id.
const NO_ROOM: RoomId = RoomId::from_uuid(uuid::Uuid::nil());
