//! Recordings: what was recorded of which channel, and where it is.

mod change;
mod lost;
mod segment;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};
use veza_storage::id::VersionId;

pub(crate) use self::change::{begin, dropped, end, forget, interrupted, joined, seen, stored};
pub(crate) use self::lost::{abandon, close, silent};
pub(crate) use self::segment::{Segment, SegmentKind, headers, insert, media, remove_segments, some};
use super::Error;
use super::container::Container;
use super::reason::EndReason;
use super::shelf::RemoveRecording;
use crate::codec::Codec;
use crate::id::{ChannelId, RecordingId};
use crate::permission::{DeleteRecordings, ReadRecordings};
use crate::schema::recordings;

/// A recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Recording {
    /// The recording's id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: RecordingId,
    /// The channel that was recorded.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub channel_id: ChannelId,
    /// The bucket that it is kept in.
    pub bucket: String,
    /// The kind of file.
    pub container: Container,
    /// What was published.
    pub tracks: Vec<RecordedTrack>,
    /// Bytes that were stored so far. The file has as many, and what says where they are.
    pub bytes: i64,
    /// How much time is stored so far, in milliseconds.
    pub duration_ms: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
    /// The file, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<RecordedFile>,
}

/// A track of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct RecordedTrack {
    /// The media section that it stood in.
    pub mid: String,
    /// How it is encoded.
    pub codec: Codec,
}

/// A recording as one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct RecordedFile {
    /// Its key in the recording's bucket.
    pub key: String,
    /// Its bytes.
    pub bytes: i64,
    /// Its version.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub version_id: VersionId,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = recordings)]
struct Row {
    recording_id: RecordingId,
    channel_id: ChannelId,
    bucket: String,
    container: String,
    tracks: serde_json::Value,
    bytes: i64,
    duration_ms: i64,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    reason: Option<String>,
    file_key: Option<String>,
    file_bytes: Option<i64>,
    file_version: Option<VersionId>,
}

impl From<Row> for Recording {
    fn from(row: Row) -> Self {
        let file = row.file_key.zip(row.file_bytes).zip(row.file_version);
        Self {
            id: row.recording_id,
            channel_id: row.channel_id,
            bucket: row.bucket,
            container: Container::read(&row.container),
            tracks: serde_json::from_value(row.tracks).unwrap_or_default(),
            bytes: row.bytes,
            duration_ms: row.duration_ms,
            started_at: row.started_at,
            ended_at: row.ended_at,
            reason: row.reason.as_deref().and_then(EndReason::read),
            file: file.map(|((key, bytes), version_id)| RecordedFile { key, bytes, version_id }),
        }
    }
}

/// One recording.
///
/// # Errors
/// [`Error::Absent`].
pub fn get(
    tx: &mut impl TenantScope,
    permit: &Permit<ReadRecordings>,
    id: RecordingId,
) -> Result<Recording, Error> {
    find(tx, permit, id)?.ok_or(Error::Absent("recording"))
}

/// One recording, if it is there.
pub fn find(
    tx: &mut impl TenantScope,
    _: &Permit<ReadRecordings>,
    id: RecordingId,
) -> Result<Option<Recording>, Error> {
    let this = recordings::table
        .find((tx.tenant(), id))
        .filter(recordings::deleted_at.is_null())
        .select(Row::as_select());
    Ok(tx.find_result::<Row, _>(this)?.map(Recording::from))
}

/// Recordings, the newest first; of one channel, if that is named.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadRecordings>,
    channel: Option<ChannelId>,
    page: &PageRequest<RecordingId>,
) -> Result<Page<Recording>, Error> {
    let mut query = recordings::table
        .filter(recordings::tenant_id.eq(tx.tenant()).and(recordings::deleted_at.is_null()))
        .select(Row::as_select())
        .order(recordings::recording_id.desc())
        .limit(page.fetch())
        .into_boxed();
    if let Some(channel) = channel {
        query = query.filter(recordings::channel_id.eq(channel));
    }
    if let Some(after) = page.after {
        query = query.filter(recordings::recording_id.lt(after));
    }
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Recording::from).collect(), |recording: &Recording| recording.id))
}

/// Deletes a recording that has ended. It is gone for those who look; a job removes what is stored of it.
///
/// # Errors
/// [`Error::Absent`], [`Error::Running`].
pub fn remove(tx: &mut TenantTx<'_>, _: &Permit<DeleteRecordings>, id: RecordingId) -> Result<(), Error> {
    let this = recordings::table.find((tx.tenant(), id));
    let ended =
        this.filter(recordings::deleted_at.is_null()).select(recordings::ended_at.is_not_null()).for_update();
    match tx.find_result::<bool, _>(ended)? {
        None => return Err(Error::Absent("recording")),
        Some(false) => return Err(Error::Running),
        Some(true) => {}
    }
    tx.execute(diesel::update(this).set(recordings::deleted_at.eq(tx.now())))?;
    veza_jobs::enqueue(tx, &RemoveRecording { recording: id })?;
    Ok(())
}
