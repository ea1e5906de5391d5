//! Messages, as they are now. The log has what they were.

#[cfg(feature = "storage")]
mod attach;
mod attachment;
mod body;
mod edit;
mod history;
mod new;
mod react;
mod remove;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::{TenantScope, Timestamp};

#[cfg(feature = "storage")]
pub(crate) use self::attach::{attach, url};
#[cfg(feature = "http")]
pub(crate) use self::attachment::NAMED;
pub use self::attachment::{Attachment, MAX_ATTACHMENTS, NewAttachment};
pub use self::body::Body;
use self::body::Stored;
pub(crate) use self::body::checked;
pub use self::edit::{Revision, edit, edits};
pub use self::history::{Direction, HistoryOf, get, history};
pub(crate) use self::new::Attached;
pub use self::new::NewMessage;
pub use self::react::{react, unreact};
pub use self::remove::delete;
use crate::error::Error;
use crate::id::{MemberId, RoomId};

/// A message, as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Message {
    /// The number of the event with which it was sent: its id in the room.
    pub seq: i64,
    /// Who sent it.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub by: MemberId,
    /// When.
    pub at: DateTime<Utc>,
    /// The message that it replies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
    /// What it says. A deleted message says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// The files that it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// When it was edited last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<DateTime<Utc>>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    /// How many messages reply to it.
    pub replies: i32,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reply_seq: Option<i64>,
    /// How many reacted with which emoji.
    pub reactions: BTreeMap<String, i64>,
    /// With which the caller did.
    pub own_reactions: Vec<String>,
}

/// What every query of messages selects: `$1` is the tenant, `$2` the room, `$3` who asks.
const SELECT: &str = "\
    SELECT e.seq, e.actor_id, e.target_seq, e.at, coalesce(s.body, e.body)::text AS body, s.edited_at, s.deleted_at, \
           coalesce(s.replies, 0) AS replies, s.last_reply_seq, coalesce(s.reactions, '{}') AS reactions, \
           CASE WHEN s.reactions <> '{}' THEN (SELECT string_agg(r.emoji, E'\\n' ORDER BY r.emoji) FROM chat.reactions AS r \
            WHERE r.tenant_id = $1 AND r.room_id = $2 AND r.seq = e.seq AND r.member_id = $3) END AS own \
    FROM chat.events AS e \
    LEFT JOIN chat.message_states AS s ON s.tenant_id = $1 AND s.room_id = $2 AND s.seq = e.seq \
    WHERE e.tenant_id = $1 AND e.room_id = $2 AND e.kind = 'message'";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = SqlUuid)]
    actor_id: MemberId,
    #[diesel(sql_type = Nullable<BigInt>)]
    target_seq: Option<i64>,
    #[diesel(sql_type = Timestamptz)]
    at: Timestamp,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    edited_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    deleted_at: Option<Timestamp>,
    #[diesel(sql_type = Integer)]
    replies: i32,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_reply_seq: Option<i64>,
    #[diesel(sql_type = Jsonb)]
    reactions: Value,
    #[diesel(sql_type = Nullable<Text>)]
    own: Option<String>,
}

impl From<Row> for Message {
    fn from(row: Row) -> Self {
        let stored = row.body.as_deref().and_then(Stored::read).map(Stored::parts);
        let (body, attachments) = stored.map_or((None, Vec::new()), |(body, files)| (Some(body), files));
        let own = row.own.iter().flat_map(|own| own.lines()).map(str::to_owned).collect();
        Self {
            seq: row.seq,
            by: row.actor_id,
            at: row.at,
            reply_to: row.target_seq,
            body,
            attachments,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            replies: row.replies,
            last_reply_seq: row.last_reply_seq,
            reactions: serde_json::from_value(row.reactions).unwrap_or_default(),
            own_reactions: own,
        }
    }
}

/// One message, as `who` sees it.
fn find(tx: &mut impl TenantScope, room: RoomId, who: MemberId, seq: i64) -> Result<Message, Error> {
    let query = diesel::sql_query(format!("{SELECT} AND e.seq = $4"))
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(room)
        .bind::<SqlUuid, _>(who)
        .bind::<BigInt, _>(seq);
    tx.get_result::<Row, _>(query).map(Message::from).map_err(Error::absent("message"))
}

/// The same, when it was not deleted.
fn find_present(tx: &mut impl TenantScope, room: RoomId, who: MemberId, seq: i64) -> Result<Message, Error> {
    let message = find(tx, room, who, seq)?;
    if message.deleted_at.is_some() { Err(Error::Deleted) } else { Ok(message) }
}
