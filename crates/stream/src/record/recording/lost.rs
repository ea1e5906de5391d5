//! Recordings that nobody speaks for any more.

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::{Query, SystemTx, TenantId, TenantScope, TenantTx, Timestamp, Write};

use super::change::{dropped, end, stored};
use crate::id::RecordingId;
use crate::record::Error;
use crate::record::log::End;
use crate::record::reason::EndReason;
use crate::schema::recordings;

/// Nothing more is recorded where nobody said so for this long. Who records says it each half minute.
const SILENT: TimeDelta = TimeDelta::minutes(2);
/// And nothing more is stored where nobody came back in this time.
const LEASE: TimeDelta = TimeDelta::hours(1);
/// How many are looked at, at once.
const BATCH: i64 = 1_000;

/// Recordings that nobody speaks for.
pub(crate) fn silent(tx: &mut SystemTx<'_>) -> Result<Vec<(TenantId, RecordingId)>, Error> {
    let (silent, gone) = (tx.now() - SILENT, tx.now() - LEASE);
    let open = recordings::stored_at.is_null().and(recordings::seen_at.lt(silent));
    let query = recordings::table
        .filter(open.and(recordings::ended_at.is_null().or(recordings::seen_at.lt(gone))))
        .select((recordings::tenant_id, recordings::recording_id))
        .limit(BATCH);
    Ok(tx.load(query)?)
}

/// Ends one of them; when nobody can be expected any more, what is stored is all of it. Nothing happens to one that somebody
/// speaks for again.
pub(crate) fn abandon(tx: &mut TenantTx<'_>, recording: RecordingId) -> Result<(), Error> {
    let (silent, gone) = (tx.now() - SILENT, tx.now() - LEASE);
    let this = recordings::table.find((tx.tenant(), recording));
    let found = this
        .filter(recordings::stored_at.is_null().and(recordings::seen_at.lt(silent)))
        .select((recordings::seen_at, recordings::started_at, recordings::duration_ms))
        .for_update();
    let found = tx.find_result::<(Timestamp, Timestamp, i64), _>(found)?;
    let Some((seen_at, started_at, duration_ms)) = found else { return Ok(()) };
    let at = started_at + TimeDelta::milliseconds(duration_ms);
    end(tx, recording, End { reason: EndReason::Interrupted, at })?;
    if seen_at >= gone {
        return Ok(());
    }
    tracing::warn!(recording.id = %recording, "the machine of a recording did not come back; what it stored is all there is");
    close(tx, recording, EndReason::Lost, at)
}

/// Ends a recording of which no more will be stored, whatever it had ended with, and has what is stored joined.
pub(crate) fn close(
    tx: &mut TenantTx<'_>,
    recording: RecordingId,
    reason: EndReason,
    at: Timestamp,
) -> Result<(), Error> {
    end(tx, recording, End { reason, at })?;
    let this = recordings::table.find((tx.tenant(), recording)).filter(recordings::stored_at.is_null());
    tx.execute(diesel::update(this).set(recordings::reason.eq(reason.as_str())))?;
    // One of the two does nothing: it was deleted, or not.
    stored(tx, recording)?;
    dropped(tx, recording)
}
