//! Sessions: the connections of publishers and viewers, as the database has them.

mod close;
mod list;
mod meter;
mod open;
mod step;
mod sweep;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

pub(crate) use self::close::{Closing, LOST, close, tell};
pub use self::list::{SessionsOf, get, list};
pub(crate) use self::list::{find_open, is_published};
pub(crate) use self::meter::{Noted, Reading, month, note};
pub(crate) use self::open::{Opening, open};
pub(crate) use self::step::{Step, write};
pub(crate) use self::sweep::{forget, lost};
use crate::id::{ChannelId, SessionId};
use crate::schema::sessions;

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum SessionKind {
    /// It sends.
    Publisher,
    /// It receives.
    Viewer,
}

impl SessionKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Viewer => "viewer",
        }
    }

    fn stored(text: &str) -> Self {
        if text == "publisher" { Self::Publisher } else { Self::Viewer }
    }
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = StreamSession))]
pub struct Session {
    /// The session's id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: SessionId,
    /// The channel.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub channel_id: ChannelId,
    /// What it is for.
    pub kind: SessionKind,
    /// Who began it, or made the token that it began with: `person:<id>`, `api_key:<id>` or `system`.
    pub started_by: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When media could flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why: a reason of the data plane (`closed`, `consent_expired`, `taken_over`…), or `lost` when its process is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<String>,
    /// For how long media could flow; of one that goes on, as of some seconds ago.
    pub seconds: i64,
    /// Bytes of datagrams from the peer, likewise.
    pub received_bytes: i64,
    /// Bytes of datagrams to the peer, likewise.
    pub sent_bytes: i64,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(crate) struct Row {
    session_id: SessionId,
    channel_id: ChannelId,
    kind: String,
    started_by: String,
    created_at: DateTime<Utc>,
    connected_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    end_reason: Option<String>,
    seconds: i64,
    received_bytes: i64,
    sent_bytes: i64,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: row.session_id,
            channel_id: row.channel_id,
            kind: SessionKind::stored(&row.kind),
            started_by: row.started_by,
            created_at: row.created_at,
            connected_at: row.connected_at,
            ended_at: row.ended_at,
            end_reason: row.end_reason,
            seconds: row.seconds,
            received_bytes: row.received_bytes,
            sent_bytes: row.sent_bytes,
        }
    }
}
