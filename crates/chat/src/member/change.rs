//! Members who come, go, and become something else.

use diesel::prelude::*;
use serde_json::json;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use super::{Member, Role, add, list};
use crate::config::ChatConfig;
use crate::error::Error;
use crate::event::EventKind;
use crate::id::{MemberId, RoomId};
use crate::log::{Entry, record};
use crate::permission::UseRooms;
use crate::room::RoomKind;
use crate::schema::{members, rooms};
use crate::standing::{self, Standing};

/// The caller joins an open room; with the permission `chat.rooms.manage` also a private one. Who is a member stays what
/// they are.
pub fn join(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    config: &ChatConfig,
    room: RoomId,
) -> Result<Member, Error> {
    let standing = standing::hold(tx, permit, room)?;
    standing.active()?;
    if standing.own.is_none() {
        if standing.kind() == RoomKind::Direct {
            return Err(Error::Direct);
        }
        has_place(&standing, config)?;
        add(tx, room, standing.me, standing.me, Role::Member)?;
    }
    list::find(tx, room, standing.me)
}

/// Adds somebody to a room, or answers what they are there already. In a private room every member may, elsewhere
/// moderators; nobody gives a role above their own.
///
/// Ids are taken as they are: whether somebody has `who`, whoever knows the accounts must check.
pub fn add_member(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    config: &ChatConfig,
    room: RoomId,
    who: MemberId,
    role: Role,
) -> Result<Member, Error> {
    let standing = standing::hold(tx, permit, room)?;
    let power = standing.power().ok_or(Error::NotMember)?;
    standing.active()?;
    let needed = match standing.kind() {
        RoomKind::Direct => return Err(Error::Direct),
        RoomKind::Private => Role::Member,
        RoomKind::Public | RoomKind::Broadcast => Role::Moderator,
    };
    needs(power, needed.max(role))?;
    if who.as_uuid().is_nil() {
        return Err(Error::field("/member", "nil", "the id of a person or an API key"));
    }
    has_place(&standing, config)?;
    add(tx, room, who, standing.me, role)?;
    list::find(tx, room, who)
}

/// Gives a member another role. Moderators make members readers and back; all else is the owners' to do.
///
/// # Errors
/// [`Error::LastOwner`] when nobody would be left who is one.
pub fn set_role(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    room: RoomId,
    who: MemberId,
    role: Role,
) -> Result<Member, Error> {
    let standing = standing::hold(tx, permit, room)?;
    standing.active()?;
    if standing.kind() == RoomKind::Direct {
        return Err(Error::Direct);
    }
    let power = standing.power().ok_or(Error::NotMember)?;
    needs(power, Role::Moderator)?;
    let before = list::find(tx, room, who)?;
    needs(power, above(before.role.max(role)))?;
    if before.role == role {
        return Ok(before);
    }
    keeps_an_owner(tx, room, &before, Some(role))?;
    let update = diesel::update(members::table.find((tx.tenant(), room, who)));
    tx.execute(update.set(members::role.eq(role.as_str())))?;
    let body = json!({ "member": who, "role": role });
    record(tx, room, Entry { kind: EventKind::Role, by: standing.me, target: None, body: Some(body) })?;
    Ok(Member { role, ..before })
}

/// Removes a member: everybody themselves, moderators members and readers, owners all. Who is removed from a room that
/// is not open sees nothing of it any more, also not what is live.
///
/// # Errors
/// [`Error::LastOwner`] when others are left without one.
pub fn remove_member(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    room: RoomId,
    who: MemberId,
) -> Result<(), Error> {
    let standing = standing::hold(tx, permit, room)?;
    if standing.kind() == RoomKind::Direct {
        return Err(Error::Direct);
    }
    let own = standing.me == who;
    if !own {
        let power = standing.power().ok_or(Error::NotMember)?;
        needs(power, Role::Moderator)?;
    }
    let before = list::find(tx, room, who)?;
    if !own {
        needs(standing.power().unwrap_or(Role::Reader), above(before.role))?;
    }
    keeps_an_owner(tx, room, &before, None)?;
    take_out(tx, room, who, standing.me)
}

/// Removes a member; whether that may be was checked.
pub(super) fn take_out(
    tx: &mut TenantTx<'_>,
    room: RoomId,
    who: MemberId,
    by: MemberId,
) -> Result<(), Error> {
    tx.execute(diesel::delete(members::table.find((tx.tenant(), room, who))))?;
    let place = rooms::table.find((tx.tenant(), room));
    tx.execute(diesel::update(place).set(rooms::members.eq(rooms::members - 1)))?;
    let body = json!({ "member": who });
    record(tx, room, Entry { kind: EventKind::Leave, by, target: None, body: Some(body) })?;
    Ok(())
}

/// The role that may decide about somebody of `role`.
fn above(role: Role) -> Role {
    match role {
        Role::Reader | Role::Member => Role::Moderator,
        Role::Moderator | Role::Owner => Role::Owner,
    }
}

fn needs(power: Role, needed: Role) -> Result<(), Error> {
    if power >= needed { Ok(()) } else { Err(Error::RoleNeeded(needed.as_str())) }
}

fn has_place(standing: &Standing, config: &ChatConfig) -> Result<(), Error> {
    let full = u32::try_from(standing.room.members).is_ok_and(|members| members >= config.max_members);
    if full { Err(Error::LimitReached { noun: "member", max: config.max_members }) } else { Ok(()) }
}

/// Refuses to take the last owner from a room in which others are.
fn keeps_an_owner(
    tx: &mut TenantTx<'_>,
    room: RoomId,
    before: &Member,
    role: Option<Role>,
) -> Result<(), Error> {
    if before.role != Role::Owner || role == Some(Role::Owner) {
        return Ok(());
    }
    let others = members::table
        .filter(members::tenant_id.eq(tx.tenant()).and(members::room_id.eq(room)))
        .filter(members::member_id.ne(before.id))
        .select(members::member_id)
        .limit(1);
    let owners = others.filter(members::role.eq(Role::Owner.as_str()));
    if tx.find_result::<MemberId, _>(owners)?.is_some() {
        return Ok(());
    }
    match tx.find_result::<MemberId, _>(others)? {
        None if role.is_none() => Ok(()),
        _ => Err(Error::LastOwner),
    }
}
