//! Direct rooms: one for each two people.

use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use super::create::{seen, within_limit};
use super::{Room, RoomKind};
use crate::config::ChatConfig;
use crate::error::Error;
use crate::event::EventKind;
use crate::id::{self, MemberId, RoomId, RoomNoun};
use crate::log::{Entry, record};
use crate::member::{self, Role};
use crate::permission::UseRooms;
use crate::schema::rooms;

/// The direct room of the caller and `other`, made when it is not there yet; answers also whether it was made.
///
/// Ids are taken as they are: whether somebody has `other`, whoever knows the accounts must check.
///
/// # Errors
/// [`Error::Invalid`] for a room of one, [`Error::LimitReached`].
pub fn direct(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    config: &ChatConfig,
    other: MemberId,
) -> Result<(Room, bool), Error> {
    let me = id::member(permit.caller());
    if me == other || other.as_uuid().is_nil() {
        return Err(Error::field("/member", "self", "somebody else"));
    }
    let key = key(me, other);
    let known = rooms::table
        .filter(rooms::tenant_id.eq(tx.tenant()).and(rooms::direct_key.eq(&key)))
        .select(rooms::room_id);
    if let Some(room) = tx.find_result::<RoomId, _>(known)? {
        return Ok((seen(tx, room, me)?, false));
    }
    // Both may ask at once: the lock that guards the limit lets them in one by one.
    within_limit(tx, config)?;
    if let Some(room) = tx.find_result::<RoomId, _>(known)? {
        return Ok((seen(tx, room, me)?, false));
    }
    let room: RoomId = tx.new_id::<RoomNoun>();
    let row = (
        rooms::tenant_id.eq(tx.tenant()),
        rooms::room_id.eq(room),
        rooms::kind.eq(RoomKind::Direct.as_str()),
        rooms::direct_key.eq(&key),
        rooms::created_by.eq(me),
        rooms::created_at.eq(tx.now()),
        rooms::updated_at.eq(tx.now()),
    );
    tx.execute(diesel::insert_into(rooms::table).values(row))?;
    let body = json!({ "kind": RoomKind::Direct, "archived": false });
    record(tx, room, Entry { kind: EventKind::Room, by: me, target: None, body: Some(body) })?;
    member::add(tx, room, me, me, Role::Member)?;
    member::add(tx, room, other, me, Role::Member)?;
    Ok((seen(tx, room, me)?, true))
}

/// The same for both.
fn key(one: MemberId, other: MemberId) -> String {
    format!("{}:{}", one.min(other), one.max(other))
}

/// The two of a key.
pub(super) fn between(key: &str) -> Vec<MemberId> {
    key.split(':').filter_map(|id| id.parse::<Uuid>().ok()).map(MemberId::from_uuid).collect()
}
