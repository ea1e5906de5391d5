//! The objects that a recording is kept as.

use diesel::prelude::*;
use veza_core::{Query, TenantScope, TenantTx, Timestamp, Write};

use crate::id::RecordingId;
use crate::record::Error;
use crate::schema::{recording_segments, recordings};

/// What an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentKind {
    /// What stands before media.
    Header,
    /// Some time of all tracks.
    Media,
}

impl SegmentKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Media => "media",
        }
    }
}

/// An object of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = recording_segments)]
pub(crate) struct Segment {
    pub(crate) number: i32,
    /// The number of the header that it needs; a header's own.
    pub(crate) header: i32,
    pub(crate) key: String,
    pub(crate) bytes: i64,
    pub(crate) begin_ms: i64,
    pub(crate) duration_ms: i64,
    pub(crate) keyframe: bool,
}

/// Notes an object that is stored. Doing it again does nothing.
///
/// # Errors
/// [`Error::Absent`] when the recording was deleted, or closed without it.
pub(crate) fn insert(
    tx: &mut TenantTx<'_>,
    recording: RecordingId,
    kind: SegmentKind,
    segment: &Segment,
) -> Result<(), Error> {
    let this = recordings::table.find((tx.tenant(), recording));
    let held = this.filter(recordings::deleted_at.is_null()).select(recordings::stored_at).for_update();
    let closed = tx.find_result::<Option<Timestamp>, _>(held)?.ok_or(Error::Absent("recording"))?.is_some();
    if closed && !is_noted(tx, recording, kind, segment.number)? {
        return Err(Error::Absent("recording"));
    }
    let row = (
        recording_segments::tenant_id.eq(tx.tenant()),
        recording_segments::recording_id.eq(recording),
        recording_segments::kind.eq(kind.as_str()),
        recording_segments::number.eq(segment.number),
        recording_segments::header.eq(segment.header),
        recording_segments::key.eq(&segment.key),
        recording_segments::bytes.eq(segment.bytes),
        recording_segments::begin_ms.eq(segment.begin_ms),
        recording_segments::duration_ms.eq(segment.duration_ms),
        recording_segments::keyframe.eq(segment.keyframe),
    );
    let insert = diesel::insert_into(recording_segments::table).values(row).on_conflict_do_nothing();
    if tx.execute(insert)? == 1 {
        let end = segment.begin_ms + segment.duration_ms;
        let longest = diesel::dsl::sql::<diesel::sql_types::BigInt>("greatest(duration_ms, ")
            .bind::<diesel::sql_types::BigInt, _>(end)
            .sql(")");
        let more =
            (recordings::bytes.eq(recordings::bytes + segment.bytes), recordings::duration_ms.eq(longest));
        tx.execute(diesel::update(this).set(more))?;
    }
    Ok(())
}

fn is_noted(
    tx: &mut impl TenantScope,
    recording: RecordingId,
    kind: SegmentKind,
    number: i32,
) -> Result<bool, Error> {
    let this = recording_segments::table
        .find((tx.tenant(), recording, kind.as_str(), number))
        .select(recording_segments::number);
    Ok(tx.find_result::<i32, _>(this)?.is_some())
}

/// All media of a recording, in the order of time.
pub(crate) fn media(tx: &mut impl TenantScope, recording: RecordingId) -> Result<Vec<Segment>, Error> {
    of_kind(tx, recording, SegmentKind::Media)
}

/// All headers of a recording.
pub(crate) fn headers(tx: &mut impl TenantScope, recording: RecordingId) -> Result<Vec<Segment>, Error> {
    of_kind(tx, recording, SegmentKind::Header)
}

fn of_kind(
    tx: &mut impl TenantScope,
    recording: RecordingId,
    kind: SegmentKind,
) -> Result<Vec<Segment>, Error> {
    let query = recording_segments::table
        .filter(recording_segments::tenant_id.eq(tx.tenant()))
        .filter(recording_segments::recording_id.eq(recording))
        .filter(recording_segments::kind.eq(kind.as_str()))
        .order(recording_segments::number)
        .select(Segment::as_select());
    Ok(tx.load(query)?)
}

/// The keys of some objects of a recording, to be removed.
pub(crate) fn some(
    tx: &mut impl TenantScope,
    recording: RecordingId,
    most: i64,
) -> Result<Vec<String>, Error> {
    let query = recording_segments::table
        .filter(recording_segments::tenant_id.eq(tx.tenant()))
        .filter(recording_segments::recording_id.eq(recording))
        .order((recording_segments::kind, recording_segments::number))
        .limit(most)
        .select(recording_segments::key);
    Ok(tx.load(query)?)
}

/// Forgets objects that are removed.
pub(crate) fn remove_segments(
    tx: &mut TenantTx<'_>,
    recording: RecordingId,
    keys: &[String],
) -> Result<(), Error> {
    let these = recording_segments::table
        .filter(recording_segments::tenant_id.eq(tx.tenant()))
        .filter(recording_segments::recording_id.eq(recording))
        .filter(recording_segments::key.eq_any(keys));
    tx.execute(diesel::delete(these))?;
    Ok(())
}
