//! A recording from its beginning to its file.

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::{Query, TenantScope, TenantTx, Timestamp, Write};

use super::RecordedFile;
use crate::id::RecordingId;
use crate::record::Error;
use crate::record::log::{End, Head};
use crate::record::reason::EndReason;
use crate::record::shelf::{JoinRecording, RemoveRecording};
use crate::schema::{recording_segments, recordings};

/// Notes a recording. Doing it again does nothing.
pub(crate) fn begin(tx: &mut TenantTx<'_>, head: &Head) -> Result<(), Error> {
    let tracks = serde_json::to_value(&head.tracks).unwrap_or_default();
    let row = (
        recordings::tenant_id.eq(tx.tenant()),
        recordings::recording_id.eq(head.recording),
        recordings::channel_id.eq(head.channel),
        recordings::bucket.eq(&head.bucket),
        recordings::container.eq(head.container.as_str()),
        recordings::tracks.eq(tracks),
        recordings::started_at.eq(head.started_at),
        recordings::seen_at.eq(tx.now()),
    );
    tx.execute(diesel::insert_into(recordings::table).values(row).on_conflict_do_nothing())?;
    Ok(())
}

/// Notes that somebody records it, or stores what was recorded.
pub(crate) fn seen(tx: &mut TenantTx<'_>, recording: RecordingId) -> Result<(), Error> {
    let this = recordings::table.find((tx.tenant(), recording)).filter(recordings::stored_at.is_null());
    tx.execute(diesel::update(this).set(recordings::seen_at.eq(tx.now())))?;
    Ok(())
}

/// Notes that nothing more is recorded. The first to say so is heard.
pub(crate) fn end(tx: &mut TenantTx<'_>, recording: RecordingId, end: End) -> Result<(), Error> {
    let this = recordings::table.find((tx.tenant(), recording)).filter(recordings::ended_at.is_null());
    // The clocks of two machines may differ.
    let at = diesel::dsl::sql::<diesel::sql_types::Nullable<diesel::sql_types::Timestamptz>>(
        "greatest(started_at, ",
    )
    .bind::<diesel::sql_types::Timestamptz, _>(end.at)
    .sql(")");
    let update = (recordings::ended_at.eq(at), recordings::reason.eq(end.reason.as_str()));
    tx.execute(diesel::update(this).set(update))?;
    Ok(())
}

/// Notes that a recording was interrupted when what is stored of it ends.
pub(crate) fn interrupted(tx: &mut TenantTx<'_>, recording: RecordingId) -> Result<(), Error> {
    let this = recordings::table.find((tx.tenant(), recording)).filter(recordings::ended_at.is_null());
    let found = this.select((recordings::started_at, recordings::duration_ms)).for_update();
    let Some((started, duration)) = tx.find_result::<(Timestamp, i64), _>(found)? else { return Ok(()) };
    let at = started + TimeDelta::milliseconds(duration);
    end(tx, recording, End { reason: EndReason::Interrupted, at })
}

/// Notes that all of an ended recording is stored, and has it joined.
pub(crate) fn stored(tx: &mut TenantTx<'_>, recording: RecordingId) -> Result<(), Error> {
    let this = recordings::table
        .find((tx.tenant(), recording))
        .filter(recordings::stored_at.is_null().and(recordings::deleted_at.is_null()));
    let update = diesel::update(this).set(recordings::stored_at.eq(tx.now())).returning(recordings::bytes);
    if tx.find_result::<i64, _>(update)?.is_some_and(|bytes| bytes > 0) {
        veza_jobs::enqueue(tx, &JoinRecording { recording })?;
    }
    Ok(())
}

/// Notes the file of a recording.
///
/// # Errors
/// [`Error::Absent`] when the recording was deleted.
pub(crate) fn joined(
    tx: &mut TenantTx<'_>,
    recording: RecordingId,
    file: &RecordedFile,
) -> Result<(), Error> {
    let this = recordings::table.find((tx.tenant(), recording)).filter(recordings::deleted_at.is_null());
    let update = diesel::update(this).set((
        recordings::file_key.eq(&file.key),
        recordings::file_bytes.eq(file.bytes),
        recordings::file_version.eq(file.version_id),
    ));
    if tx.execute(update)? == 1 { Ok(()) } else { Err(Error::Absent("recording")) }
}

/// Forgets a deleted recording nothing of which is stored any more.
pub(crate) fn forget(tx: &mut TenantTx<'_>, recording: RecordingId) -> Result<(), Error> {
    let segments = recording_segments::table
        .filter(recording_segments::tenant_id.eq(tx.tenant()))
        .filter(recording_segments::recording_id.eq(recording));
    tx.execute(diesel::delete(segments))?;
    // While a log of it may be somewhere, the row stays, and says that it was deleted.
    let this = recordings::table
        .find((tx.tenant(), recording))
        .filter(recordings::deleted_at.is_not_null().and(recordings::stored_at.is_not_null()));
    tx.execute(diesel::delete(this))?;
    Ok(())
}

/// Notes that the log of a deleted recording is gone, and has what was stored of it removed.
pub(crate) fn dropped(tx: &mut TenantTx<'_>, recording: RecordingId) -> Result<(), Error> {
    let this = recordings::table
        .find((tx.tenant(), recording))
        .filter(recordings::stored_at.is_null().and(recordings::deleted_at.is_not_null()));
    if tx.execute(diesel::update(this).set(recordings::stored_at.eq(tx.now())))? == 1 {
        veza_jobs::enqueue(tx, &RemoveRecording { recording })?;
    }
    Ok(())
}
