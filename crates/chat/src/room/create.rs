//! A new room.

use diesel::prelude::*;
use serde::Deserialize;
use serde_json::json;
use veza_core::{FieldError, Permit, Query, TenantScope, TenantTx, Write};

use super::{MemberRow, Room, RoomKind, Row};
use crate::config::ChatConfig;
use crate::error::Error;
use crate::event::EventKind;
use crate::id::{self, MemberId, RoomId, RoomNoun};
use crate::log::{Entry, record};
use crate::member::{self, Role};
use crate::permission::CreateRooms;
use crate::schema::{members, rooms};

/// Members that a new room may have from the beginning, besides its owner.
const MAX_FIRST_MEMBERS: usize = 100;

/// What makes a room.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewRoom {
    /// `public`, `private` or `broadcast`; direct rooms are made otherwise.
    pub kind: RoomKind,
    /// 1 to 100 characters.
    pub name: String,
    /// 1,000 characters at most.
    #[serde(default)]
    pub topic: Option<String>,
    /// Members from the beginning, 100 at most. The caller becomes its owner in any case.
    #[serde(default)]
    #[cfg_attr(feature = "http", schema(value_type = Vec<uuid::Uuid>))]
    pub members: Vec<MemberId>,
}

/// Makes a room, of which the caller is the owner.
///
/// # Errors
/// [`Error::Invalid`], [`Error::LimitReached`].
pub fn create(
    tx: &mut TenantTx<'_>,
    permit: &Permit<CreateRooms>,
    config: &ChatConfig,
    new: &NewRoom,
) -> Result<Room, Error> {
    check(new)?;
    let owner = id::member(permit.caller());
    let room: RoomId = tx.new_id::<RoomNoun>();
    within_limit(tx, config)?;
    let row = (
        rooms::tenant_id.eq(tx.tenant()),
        rooms::room_id.eq(room),
        rooms::kind.eq(new.kind.as_str()),
        rooms::name.eq(&new.name),
        rooms::topic.eq(&new.topic),
        rooms::created_by.eq(owner),
        rooms::created_at.eq(tx.now()),
        rooms::updated_at.eq(tx.now()),
    );
    tx.execute(diesel::insert_into(rooms::table).values(row))?;
    let body = json!({ "kind": new.kind, "name": new.name, "topic": new.topic, "archived": false });
    record(tx, room, Entry { kind: EventKind::Room, by: owner, target: None, body: Some(body) })?;
    member::add(tx, room, owner, owner, Role::Owner)?;
    for first in new.members.iter().filter(|first| **first != owner) {
        member::add(tx, room, *first, owner, Role::Member)?;
    }
    seen(tx, room, owner)
}

/// The room as `who` sees it now.
pub(super) fn seen(tx: &mut impl TenantScope, room: RoomId, who: MemberId) -> Result<Room, Error> {
    let row: Row = tx
        .get_result(rooms::table.find((tx.tenant(), room)).select(Row::as_select()))
        .map_err(Error::absent("room"))?;
    let own = members::table.find((tx.tenant(), room, who)).select(MemberRow::as_select());
    let own: Option<MemberRow> = tx.find_result(own)?;
    Ok(row.seen_by(own.as_ref()))
}

/// One room at a time, so that nobody gets past the limit.
pub(super) fn within_limit(tx: &mut TenantTx<'_>, config: &ChatConfig) -> Result<(), Error> {
    tx.one_at_a_time("chat.rooms")?;
    let beyond = rooms::table
        .filter(rooms::tenant_id.eq(tx.tenant()))
        .select(rooms::room_id)
        .order(rooms::room_id)
        .offset(i64::from(config.max_rooms) - 1)
        .limit(1);
    match tx.find_result::<RoomId, _>(beyond)? {
        Some(_last) => Err(Error::LimitReached { noun: "room", max: config.max_rooms }),
        None => Ok(()),
    }
}

fn check(new: &NewRoom) -> Result<(), Error> {
    let mut errors = Vec::new();
    if new.kind == RoomKind::Direct {
        errors.push(FieldError::new("/kind", "direct", "public, private or broadcast"));
    }
    errors.extend(check_name(&new.name));
    errors.extend(new.topic.as_deref().and_then(check_topic));
    if new.members.len() > MAX_FIRST_MEMBERS {
        errors.push(FieldError::new(
            "/members",
            "too_many",
            "100 members at most; add the others afterwards",
        ));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

pub(super) fn check_name(name: &str) -> Option<FieldError> {
    let fits = (1..=100).contains(&name.chars().count()) && name.trim() == name;
    let plain = !name.chars().any(char::is_control);
    (!(fits && plain)).then(|| {
        let rule = "1 to 100 characters, no control characters, no space at its ends";
        FieldError::new("/name", "name", rule)
    })
}

pub(super) fn check_topic(topic: &str) -> Option<FieldError> {
    let fits = topic.chars().count() <= 1_000 && !topic.contains('\0');
    (!fits).then(|| FieldError::new("/topic", "too_long", "1,000 characters at most, none of them NUL"))
}
