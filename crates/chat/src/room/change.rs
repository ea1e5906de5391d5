//! A room's settings, changed.

use diesel::prelude::*;
use serde::Deserialize;
use serde_json::json;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use super::create::{check_name, check_topic, seen};
use super::{Room, RoomKind};
use crate::error::Error;
use crate::event::EventKind;
use crate::id::{self, RoomId};
use crate::log::{Entry, record};
use crate::permission::UseRooms;
use crate::schema::rooms;
use crate::standing;

/// What to change; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct RoomChange {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// 1,000 characters at most; none when empty.
    pub topic: Option<String>,
    /// Whether nothing happens there any more. An owner's to say.
    pub archived: Option<bool>,
}

/// Changes a room, as its moderators and owners may; members see it as an event.
///
/// # Errors
/// [`Error::VersionMismatch`] when it has none of `versions`, [`Error::RoleNeeded`], [`Error::Direct`],
/// [`Error::Archived`] for anything else than opening an archived room again.
pub fn update(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    room: RoomId,
    versions: Option<&[i64]>,
    change: &RoomChange,
) -> Result<Room, Error> {
    let errors: Vec<_> =
        [change.name.as_deref().and_then(check_name), change.topic.as_deref().and_then(check_topic)]
            .into_iter()
            .flatten()
            .collect();
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let standing = standing::hold(tx, permit, room)?;
    if standing.kind() == RoomKind::Direct {
        return Err(Error::Direct);
    }
    standing.moderator()?;
    if change.archived.is_some() {
        standing.owner()?;
    }
    let row = standing.room;
    if versions.is_some_and(|versions| !versions.contains(&row.version)) {
        return Err(Error::VersionMismatch);
    }
    if row.archived_at.is_some() && change.archived != Some(false) {
        return Err(Error::Archived);
    }
    let name = change.name.clone().or(row.name.clone());
    let topic = change.topic.clone().or(row.topic.clone()).filter(|topic| !topic.is_empty());
    let archived_at = match change.archived {
        Some(true) => row.archived_at.or(Some(tx.now())),
        Some(false) => None,
        None => row.archived_at,
    };
    let me = id::member(permit.caller());
    if (&name, &topic, archived_at) == (&row.name, &row.topic, row.archived_at) {
        return seen(tx, room, me);
    }
    let update = diesel::update(rooms::table.find((tx.tenant(), room))).set((
        rooms::name.eq(&name),
        rooms::topic.eq(&topic),
        rooms::archived_at.eq(archived_at),
        rooms::version.eq(row.version + 1),
        rooms::updated_at.eq(tx.now()),
    ));
    tx.execute(update)?;
    let body = json!({ "name": name, "topic": topic, "archived": archived_at.is_some() });
    record(tx, room, Entry { kind: EventKind::Room, by: me, target: None, body: Some(body) })?;
    seen(tx, room, me)
}
