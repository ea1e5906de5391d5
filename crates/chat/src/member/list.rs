//! Who belongs to a room.

use diesel::prelude::*;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope};

use super::{Member, Role};
use crate::error::Error;
use crate::id::{MemberId, RoomId};
use crate::permission::UseRooms;
use crate::room::MemberRow;
use crate::schema::members;
use crate::standing;

/// Members of a room, by id.
pub fn list(
    tx: &mut impl TenantScope,
    permit: &Permit<UseRooms>,
    room: RoomId,
    page: &PageRequest<MemberId>,
) -> Result<Page<Member>, Error> {
    standing::look(tx, permit, room)?;
    let nobody = MemberId::from_uuid(uuid::Uuid::nil());
    let query = members::table
        .filter(members::tenant_id.eq(tx.tenant()).and(members::room_id.eq(room)))
        .filter(members::member_id.gt(page.after.unwrap_or(nobody)))
        .order(members::member_id)
        .limit(page.fetch())
        .select(MemberRow::as_select());
    let rows: Vec<MemberRow> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Member::from).collect(), |member: &Member| member.id))
}

/// One of them.
pub(super) fn find(tx: &mut impl TenantScope, room: RoomId, who: MemberId) -> Result<Member, Error> {
    let query = members::table.find((tx.tenant(), room, who)).select(MemberRow::as_select());
    tx.get_result::<MemberRow, _>(query).map(Member::from).map_err(Error::absent("member"))
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        Self {
            id: row.member_id,
            role: Role::stored(&row.role),
            joined_at: row.joined_at,
            read_seq: row.read_seq,
        }
    }
}
