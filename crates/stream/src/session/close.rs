//! When media begins to flow, and the end.

use diesel::prelude::*;
use serde_json::json;
use veza_core::{Query, TenantScope, TenantTx, Timestamp};
use veza_jobs::topic::{self, PublishOptions};

use super::SessionKind;
use super::meter::{Reading, note};
use crate::error::Error;
use crate::id::{ChannelId, SessionId};
use crate::schema::sessions;

/// The exchange of this crate's events.
pub(crate) const EXCHANGE: &str = "stream";

/// Why a session ended whose process is gone.
pub(crate) const LOST: &str = "lost";

/// A session that is to end.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    pub(crate) id: SessionId,
    pub(crate) reason: &'static str,
    /// What it has done, where that is known.
    pub(crate) reading: Option<Reading>,
}

type Found = (ChannelId, String, Option<Timestamp>);

/// Ends a session and meters what it used; of a publisher whose media flowed, the tenant's topic is told. Nothing
/// happens to one that has ended before.
pub(crate) fn close(tx: &mut TenantTx<'_>, closing: &Closing) -> Result<(), Error> {
    if let Some(reading) = closing.reading {
        note(tx, &[(closing.id, reading)])?;
    }
    let open = sessions::table.find((tx.tenant(), closing.id)).filter(sessions::ended_at.is_null());
    let end = diesel::update(open)
        .set((sessions::ended_at.eq(tx.now()), sessions::end_reason.eq(closing.reason)))
        .returning((sessions::channel_id, sessions::kind, sessions::connected_at));
    let Some((channel, kind, connected_at)) = tx.find_result::<Found, _>(end)? else { return Ok(()) };
    let kind = SessionKind::stored(&kind);
    if kind == SessionKind::Publisher && connected_at.is_some() {
        let body = json!({ "channel_id": channel, "session_id": closing.id, "reason": closing.reason });
        tell(tx, "stream.stopped", channel, &body)?;
    }
    Ok(())
}

/// Notes that media may flow; of a publisher, the tenant's topic is told.
pub(crate) fn connected(tx: &mut TenantTx<'_>, id: SessionId) -> Result<(), Error> {
    let waiting = sessions::table
        .find((tx.tenant(), id))
        .filter(sessions::ended_at.is_null().and(sessions::connected_at.is_null()));
    let update = diesel::update(waiting)
        .set(sessions::connected_at.eq(tx.now()))
        .returning((sessions::channel_id, sessions::kind));
    if let Some((channel, kind)) = tx.find_result::<(ChannelId, String), _>(update)?
        && SessionKind::stored(&kind) == SessionKind::Publisher
    {
        let body = json!({ "channel_id": channel, "session_id": id });
        tell(tx, "stream.started", channel, &body)?;
    }
    Ok(())
}

/// Tells the tenant's topic, whatever is bound there: what sessions use is metered in the same transaction.
pub(crate) fn tell(
    tx: &mut TenantTx<'_>,
    event: &'static str,
    channel: ChannelId,
    body: &serde_json::Value,
) -> Result<(), Error> {
    let options = PublishOptions::default().regardless().attribute("channel_id", channel.to_string());
    topic::publish(tx, EXCHANGE, event, body, options)?;
    Ok(())
}
