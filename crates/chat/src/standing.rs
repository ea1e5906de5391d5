//! What somebody may do in a room, by their role there, its kind, and their permissions.

use diesel::prelude::*;
use veza_core::{Permission, Permit, Principal, Query, TenantScope, TenantTx};

use crate::error::Error;
use crate::id::{self, MemberId, RoomId};
use crate::member::Role;
use crate::permission::{ManageRooms, UseRooms};
use crate::room::{MemberRow, RoomKind, Row};
use crate::schema::{members, rooms};

/// A room, and what the caller is there.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) room: Row,
    pub(crate) own: Option<MemberRow>,
    pub(crate) me: MemberId,
    /// Holds the permission for all rooms but direct ones.
    manages: bool,
    /// Is the program itself.
    system: bool,
}

/// Looks at a room.
///
/// # Errors
/// [`Error::NotFound`] also when the caller may not know of it.
pub(crate) fn look(
    tx: &mut impl TenantScope,
    permit: &Permit<UseRooms>,
    room: RoomId,
) -> Result<Standing, Error> {
    let row = tx.get_result(rooms::table.find((tx.tenant(), room)).select(Row::as_select()));
    complete(tx, permit, row.map_err(Error::absent("room"))?)
}

/// The same, and nothing happens in the room before the transaction ends: what is decided now holds.
pub(crate) fn hold(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    room: RoomId,
) -> Result<Standing, Error> {
    let query = rooms::table.find((tx.tenant(), room)).select(Row::as_select()).for_no_key_update();
    let row = tx.get_result(query);
    complete(tx, permit, row.map_err(Error::absent("room"))?)
}

fn complete(tx: &mut impl TenantScope, permit: &Permit<UseRooms>, room: Row) -> Result<Standing, Error> {
    let me = id::member(permit.caller());
    let own = members::table.find((tx.tenant(), room.room_id, me)).select(MemberRow::as_select());
    let own = tx.find_result(own)?;
    let manages = permit.caller().scopes().allows(ManageRooms::NAME);
    let system = permit.caller().principal() == Principal::System;
    let standing = Standing { room, own, me, manages, system };
    if standing.may_see() { Ok(standing) } else { Err(Error::NotFound("room")) }
}

impl Standing {
    pub(crate) fn kind(&self) -> RoomKind {
        RoomKind::stored(&self.room.kind)
    }

    pub(crate) fn role(&self) -> Option<Role> {
        self.own.as_ref().map(|own| Role::stored(&own.role))
    }

    fn rules(&self) -> bool {
        self.system || self.manages && self.kind() != RoomKind::Direct
    }

    fn may_see(&self) -> bool {
        self.own.is_some() || self.kind().is_open() || self.rules()
    }

    /// May read what was said.
    pub(crate) fn reader(&self) -> Result<(), Error> {
        if self.own.is_some() || self.kind().is_open() || self.system {
            Ok(())
        } else {
            Err(Error::NotMember)
        }
    }

    /// Belongs to the room, in which something may still happen.
    pub(crate) fn member(&self) -> Result<(), Error> {
        self.active()?;
        if self.own.is_some() || self.system { Ok(()) } else { Err(Error::NotMember) }
    }

    /// May moderate.
    pub(crate) fn moderator(&self) -> Result<(), Error> {
        self.at_least(Role::Moderator)
    }

    /// May do everything.
    pub(crate) fn owner(&self) -> Result<(), Error> {
        self.at_least(Role::Owner)
    }

    fn at_least(&self, needed: Role) -> Result<(), Error> {
        match self.role() {
            _ if self.rules() => Ok(()),
            Some(role) if role >= needed => Ok(()),
            _ => Err(Error::RoleNeeded(needed.as_str())),
        }
    }

    /// What the caller may do to others: as much as its role, and everything with the permission.
    pub(crate) fn power(&self) -> Option<Role> {
        if self.rules() { Some(Role::Owner) } else { self.role() }
    }

    /// Something may still happen.
    pub(crate) fn active(&self) -> Result<(), Error> {
        if self.room.archived_at.is_some() { Err(Error::Archived) } else { Ok(()) }
    }
}
