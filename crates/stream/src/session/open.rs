//! The beginning of a session.

use chrono::TimeDelta;
use diesel::prelude::*;
use uuid::Uuid;
use veza_core::{Query, TenantScope, TenantTx, Timestamp, Write};

use super::close::{Closing, LOST, close};
use super::meter::month;
use super::{SessionKind, sweep};
use crate::channel;
use crate::config::StreamConfig;
use crate::error::Error;
use crate::id::{ChannelId, SessionId};
use crate::plane::EndReason;
use crate::schema::sessions;

/// A session that is to begin.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) id: SessionId,
    pub(crate) channel: ChannelId,
    pub(crate) kind: SessionKind,
    /// The process that holds it.
    pub(crate) node: Uuid,
    /// Who begins it.
    pub(crate) by: String,
    /// Whether it may take the place of a publisher.
    pub(crate) take_over: bool,
}

type Publisher = (SessionId, Timestamp);

/// Writes a session down. Of a publisher, answers whose place it took.
///
/// # Errors
/// [`Error::NotFound`] without the channel, [`Error::Busy`], [`Error::LimitReached`] when the month is used up.
pub(crate) fn open(
    tx: &mut TenantTx<'_>,
    config: &StreamConfig,
    opening: &Opening,
) -> Result<Option<SessionId>, Error> {
    channel::find(tx, opening.channel)?;
    within_month(tx, config, opening.kind)?;
    let replaced = match opening.kind {
        SessionKind::Publisher => make_room(tx, opening)?,
        SessionKind::Viewer => None,
    };
    let row = (
        sessions::tenant_id.eq(tx.tenant()),
        sessions::session_id.eq(opening.id),
        sessions::channel_id.eq(opening.channel),
        sessions::kind.eq(opening.kind.as_str()),
        sessions::node_id.eq(opening.node),
        sessions::started_by.eq(&opening.by),
        sessions::created_at.eq(tx.now()),
        sessions::seen_at.eq(tx.now()),
    );
    let insert = diesel::insert_into(sessions::table).values(row).on_conflict_do_nothing();
    // Of two publishers at once, the second finds the first one's row.
    if tx.execute(insert)? == 1 { Ok(replaced) } else { Err(Error::Busy) }
}

/// Ends the publisher who is there, if that is allowed, or one whose process is gone.
fn make_room(tx: &mut TenantTx<'_>, opening: &Opening) -> Result<Option<SessionId>, Error> {
    tx.one_at_a_time("stream.publishers")?;
    let there = sessions::table
        .filter(sessions::tenant_id.eq(tx.tenant()).and(sessions::channel_id.eq(opening.channel)))
        .filter(sessions::kind.eq(SessionKind::Publisher.as_str()).and(sessions::ended_at.is_null()))
        .select((sessions::session_id, sessions::seen_at));
    let Some((there, seen_at)) = tx.find_result::<Publisher, _>(there)? else { return Ok(None) };
    let is_lost = tx.now() - seen_at > TimeDelta::seconds(sweep::SILENCE);
    if !(is_lost || opening.take_over) {
        return Err(Error::Busy);
    }
    let reason = if is_lost { LOST } else { EndReason::TakenOver.as_str() };
    // Whoever holds it notes what it has done when its media has ended.
    close(tx, &Closing { id: there, reason, reading: None })?;
    Ok(Some(there))
}

fn within_month(tx: &mut TenantTx<'_>, config: &StreamConfig, kind: SessionKind) -> Result<(), Error> {
    let (noun, most) = match kind {
        SessionKind::Publisher => ("minute published in a month", config.publish_minutes_per_month),
        SessionKind::Viewer => ("minute watched in a month", config.watch_minutes_per_month),
    };
    let Some(max) = most else { return Ok(()) };
    if month(tx)?.of(kind) >= i64::from(max) * 60 {
        return Err(Error::LimitReached { noun, max });
    }
    Ok(())
}
