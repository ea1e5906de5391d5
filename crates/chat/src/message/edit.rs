//! A message says something else.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Json, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp, Write};

use super::body::Stored;
use super::{Body, Message, checked, find, find_present};
use crate::config::ChatConfig;
use crate::error::Error;
use crate::event::EventKind;
use crate::id::RoomId;
use crate::log::{Entry, record};
use crate::permission::UseRooms;
use crate::standing;

/// What a message said for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Revision {
    /// The number of the event with which it came: that of the message, or of an edit.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What it said. Nothing is left of a deleted message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// Gives a message another body, as only who sent it may. What it said before stays in its history, and what it carries
/// stays with it.
///
/// # Errors
/// [`Error::NotSender`], [`Error::Deleted`], [`Error::Archived`], [`Error::NotMember`].
pub fn edit(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UseRooms>,
    config: &ChatConfig,
    room: RoomId,
    seq: i64,
    body: &Body,
) -> Result<Message, Error> {
    let standing = standing::hold(tx, permit, room)?;
    standing.reader()?;
    let message = find_present(tx, room, standing.me, seq)?;
    let json = checked(body, &message.attachments, config.max_message_bytes)?;
    standing.member()?;
    if message.by != standing.me {
        return Err(Error::NotSender);
    }
    if message.body.as_ref() == Some(body) {
        return Ok(message);
    }
    let json: Value = serde_json::from_str(&json).unwrap_or_default();
    let entry = Entry { kind: EventKind::Edit, by: standing.me, target: Some(seq), body: Some(json.clone()) };
    let edited = record(tx, room, entry)?;
    let update = diesel::sql_query(
        "INSERT INTO chat.message_states (tenant_id, room_id, seq, body, edited_seq, edited_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, room_id, seq) \
         DO UPDATE SET body = excluded.body, edited_seq = excluded.edited_seq, edited_at = excluded.edited_at",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room)
    .bind::<BigInt, _>(seq)
    .bind::<Json, _>(json)
    .bind::<BigInt, _>(edited)
    .bind::<Timestamptz, _>(tx.now());
    tx.execute(update)?;
    find(tx, room, standing.me, seq)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Timestamptz)]
    at: Timestamp,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

/// What a message said, oldest first; the first is how it was sent.
pub fn edits(
    tx: &mut impl TenantScope,
    permit: &Permit<UseRooms>,
    room: RoomId,
    seq: i64,
    page: &PageRequest<i64>,
) -> Result<Page<Revision>, Error> {
    let standing = standing::look(tx, permit, room)?;
    standing.reader()?;
    find(tx, room, standing.me, seq)?;
    let query = diesel::sql_query(
        "SELECT seq, at, body::text FROM chat.events \
         WHERE tenant_id = $1 AND room_id = $2 AND seq = $3 AND seq > $4 \
         UNION ALL \
         SELECT seq, at, body::text FROM chat.events \
         WHERE tenant_id = $1 AND room_id = $2 AND target_seq = $3 AND kind = 'edit' AND seq > $4 \
         ORDER BY seq LIMIT $5",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room)
    .bind::<BigInt, _>(seq)
    .bind::<BigInt, _>(page.after.unwrap_or(0))
    .bind::<BigInt, _>(page.fetch());
    let rows: Vec<Row> = tx.load(query)?;
    let revision = |row: Row| Revision {
        seq: row.seq,
        at: row.at,
        body: row.body.as_deref().and_then(Stored::read).map(|stored| stored.parts().0),
    };
    Ok(Page::new(page, rows.into_iter().map(revision).collect(), |revision: &Revision| revision.seq))
}
