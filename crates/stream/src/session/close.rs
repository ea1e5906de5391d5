//! When media begins to flow, and the end.

use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::json;
use veza_core::{Query, TenantScope, TenantTx};
use veza_jobs::topic::{self, PublishOptions};

use super::SessionKind;
use super::meter::{Reading, note};
use crate::error::Error;
use crate::id::{ChannelId, SessionId};

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

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    session_id: SessionId,
    #[diesel(sql_type = SqlUuid)]
    channel_id: ChannelId,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    has_come: bool,
}

impl Found {
    fn is_publisher(&self) -> bool {
        SessionKind::stored(&self.kind) == SessionKind::Publisher
    }
}

/// Ends a session, as [`close_all`] does many.
pub(crate) fn close(tx: &mut TenantTx<'_>, closing: &Closing) -> Result<(), Error> {
    close_all(tx, std::slice::from_ref(closing))
}

/// Ends sessions and meters what they used; of publishers whose media flowed, the tenant's topic is told in the order that is
/// given. Nothing happens to those that have ended before.
pub(super) fn close_all(tx: &mut TenantTx<'_>, closings: &[Closing]) -> Result<(), Error> {
    let readings = closings.iter().filter_map(|closing| Some((closing.id, closing.reading?)));
    let readings: Vec<_> = readings.collect();
    if !readings.is_empty() {
        note(tx, &readings)?;
    }
    if closings.is_empty() {
        return Ok(());
    }
    let end = diesel::sql_query(
        "UPDATE stream.sessions AS s SET ended_at = $2, end_reason = t.reason \
         FROM unnest($3::uuid[], $4::text[]) AS t (session_id, reason) \
         WHERE s.tenant_id = $1 AND s.session_id = t.session_id AND s.ended_at IS NULL \
         RETURNING s.session_id, s.channel_id, s.kind, s.connected_at IS NOT NULL AS has_come",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Timestamptz, _>(tx.now())
    .bind::<Array<SqlUuid>, _>(closings.iter().map(|closing| closing.id.as_uuid()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(closings.iter().map(|closing| closing.reason).collect::<Vec<_>>());
    let found: Vec<Found> = tx.load(end)?;
    for closing in closings {
        let this = found.iter().find(|found| found.session_id == closing.id);
        let Some(this) = this.filter(|found| found.is_publisher() && found.has_come) else { continue };
        let body =
            json!({ "channel_id": this.channel_id, "session_id": closing.id, "reason": closing.reason });
        tell(tx, "stream.stopped", this.channel_id, &body)?;
    }
    Ok(())
}

/// Notes of sessions that media may flow; of publishers, the tenant's topic is told.
pub(super) fn connected_all(tx: &mut TenantTx<'_>, sessions: &[SessionId]) -> Result<(), Error> {
    if sessions.is_empty() {
        return Ok(());
    }
    let update = diesel::sql_query(
        "UPDATE stream.sessions AS s SET connected_at = $2 \
         WHERE s.tenant_id = $1 AND s.session_id = ANY ($3) AND s.ended_at IS NULL AND s.connected_at IS NULL \
         RETURNING s.session_id, s.channel_id, s.kind, true AS has_come",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Timestamptz, _>(tx.now())
    .bind::<Array<SqlUuid>, _>(sessions.iter().map(|id| id.as_uuid()).collect::<Vec<_>>());
    let found: Vec<Found> = tx.load(update)?;
    for id in sessions {
        let this = found.iter().find(|found| found.session_id == *id);
        let Some(this) = this.filter(|found| found.is_publisher()) else { continue };
        let body = json!({ "channel_id": this.channel_id, "session_id": id });
        tell(tx, "stream.started", this.channel_id, &body)?;
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
