//! Where recordings are kept: objects of the tenant's, and rows that say which.

mod join;
mod remove;

use chrono::TimeDelta;
use veza_core::{Caller, TenantTx, Timestamp};
use veza_storage::bucket::{self, BucketChange, NewBucket};
use veza_storage::digest::Expected;
use veza_storage::object::{self, Attributes, Condition, Object};
use veza_storage::{Body, NewObject, ObjectKey, Storage, body};

pub use self::join::JoinRecording;
pub use self::remove::RemoveRecording;
use super::Error;
use super::container::Container;
use super::log::{End, Head, StoredSegment};
use super::reason::EndReason;
use super::recording::{self, Segment, SegmentKind};
use crate::codec::Kind;
use crate::id::{ChannelId, RecordingId};

/// The bucket that is made where a channel names none.
pub const BUCKET: &str = "recordings";

/// Stores recordings, and does the jobs of joining and removing them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shelf {
    storage: Storage,
}

impl Shelf {
    /// In these files.
    pub const fn new(storage: Storage) -> Self {
        Self { storage }
    }

    pub(crate) const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Notes a recording that begins.
    pub(crate) async fn begin(&self, head: &Head) -> Result<(), Error> {
        let (caller, head) = (head.caller(), head.clone());
        self.storage.db().tenant(&caller, move |tx| recording::begin(tx, &head)).await
    }

    /// Stores a segment and the header that it needs, and notes both. Doing it again does nothing.
    pub(crate) async fn put(&self, head: &Head, number: u32, segment: StoredSegment) -> Result<(), Error> {
        let StoredSegment { header: (header_number, header), begin_ms, end_ms, keyframe, bytes } = segment;
        let header_number = row_number(header_number)?;
        let of_header = Segment {
            number: header_number,
            header: header_number,
            key: key(head, &format!("header-{header_number:04}.{}", head.container.extension())),
            bytes: length(header.len())?,
            begin_ms: 0,
            duration_ms: 0,
            keyframe: false,
        };
        self.put_one(head, SegmentKind::Header, of_header, header).await?;
        let number = row_number(number)?;
        let of_media = Segment {
            number,
            header: header_number,
            key: key(head, &format!("segment-{number:06}.{}", segment_extension(head.container))),
            bytes: length(bytes.len())?,
            begin_ms: time(begin_ms)?,
            duration_ms: time(end_ms.saturating_sub(begin_ms))?,
            keyframe,
        };
        self.put_one(head, SegmentKind::Media, of_media, bytes).await
    }

    /// Notes that somebody records it, or stores what was recorded.
    pub(crate) async fn seen(&self, head: &Head) -> Result<(), Error> {
        let recording = head.recording;
        self.storage.db().tenant(&head.caller(), move |tx| recording::seen(tx, recording)).await
    }

    /// Notes that nothing more will be stored of a recording, and why it is refused.
    pub(crate) async fn refused(&self, head: &Head, reason: EndReason, at: Timestamp) -> Result<(), Error> {
        let recording = head.recording;
        let close = move |tx: &mut TenantTx<'_>| recording::close(tx, recording, reason, at);
        self.storage.db().tenant(&head.caller(), close).await
    }

    /// Notes that nothing more is recorded.
    pub(crate) async fn end(&self, head: &Head, end: End) -> Result<(), Error> {
        let recording = head.recording;
        self.storage.db().tenant(&head.caller(), move |tx| recording::end(tx, recording, end)).await
    }

    /// Notes that a process was killed while it recorded, all of whose segments are stored by now.
    pub(crate) async fn interrupted(&self, head: &Head) -> Result<(), Error> {
        let recording = head.recording;
        self.storage.db().tenant(&head.caller(), move |tx| recording::interrupted(tx, recording)).await
    }

    /// Notes that all of an ended recording is stored.
    pub(crate) async fn stored(&self, head: &Head) -> Result<(), Error> {
        let recording = head.recording;
        self.storage.db().tenant(&head.caller(), move |tx| recording::stored(tx, recording)).await
    }

    /// Notes that the log of a deleted recording is gone.
    pub(crate) async fn dropped(&self, head: &Head) -> Result<(), Error> {
        let recording = head.recording;
        self.storage.db().tenant(&head.caller(), move |tx| recording::dropped(tx, recording)).await
    }

    async fn put_one(
        &self,
        head: &Head,
        kind: SegmentKind,
        segment: Segment,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let (caller, recording) = (head.caller(), head.recording);
        if kind == SegmentKind::Header && self.has_header(&caller, recording, segment.number).await? {
            return Ok(());
        }
        let len = u64::try_from(bytes.len()).ok();
        self.put_object(&caller, &head.bucket, &segment.key, media_type(head), len, body::full(bytes))
            .await?;
        let (key, bucket) = (segment.key.clone(), head.bucket.clone());
        let note = move |tx: &mut TenantTx<'_>| recording::insert(tx, recording, kind, &segment);
        let noted = self.storage.db().tenant(&caller, note).await;
        if matches!(noted, Err(Error::Absent(_))) {
            self.delete_objects(&caller, &bucket, vec![key]).await?;
        }
        noted
    }

    async fn has_header(&self, caller: &Caller, recording: RecordingId, number: i32) -> Result<bool, Error> {
        let headers = self.storage.db().read(caller, move |tx| recording::headers(tx, recording)).await?;
        Ok(headers.iter().any(|header| header.number == number))
    }

    /// Stores an object, and makes the bucket where it is ours to make.
    pub(crate) async fn put_object(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        content_type: &str,
        len: Option<u64>,
        body: Body,
    ) -> Result<Object, Error> {
        if bucket == BUCKET {
            self.make_bucket(caller).await?;
        }
        let new = NewObject {
            bucket: bucket.to_owned(),
            key: ObjectKey::new(key)?,
            attributes: Attributes { content_type: content_type.to_owned(), ..Attributes::default() },
            len,
            expected: Expected::default(),
            condition: Condition::default(),
        };
        Ok(self.storage.put(caller, &caller.permit()?, new, body).await?)
    }

    async fn make_bucket(&self, caller: &Caller) -> Result<(), Error> {
        let (read, manage) = (caller.permit()?, caller.permit()?);
        let can_encrypt = self.storage.can_encrypt();
        let make = move |tx: &mut TenantTx<'_>| {
            if let Err(veza_storage::Error::Absent(_)) = bucket::get(tx, &read, BUCKET) {
                let settings = BucketChange::default();
                let new = NewBucket { name: BUCKET.to_owned(), settings };
                match bucket::create(tx, &manage, &new, can_encrypt) {
                    Ok(_) | Err(veza_storage::Error::BucketExists) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        Ok(self.storage.db().tenant(caller, make).await?)
    }

    /// Deletes objects, as far as they are there.
    pub(crate) async fn delete_objects(
        &self,
        caller: &Caller,
        bucket: &str,
        keys: Vec<String>,
    ) -> Result<(), Error> {
        let window = self.storage.config().recovery_window.as_duration();
        let window = TimeDelta::from_std(window).unwrap_or(TimeDelta::MAX);
        let (permit, bucket) = (caller.permit()?, bucket.to_owned());
        let delete = move |tx: &mut TenantTx<'_>| {
            for key in &keys {
                let key = ObjectKey::new(key)?;
                match object::delete(tx, &permit, &bucket, &key, &Condition::default(), window) {
                    Ok(()) | Err(veza_storage::Error::Absent(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        Ok(self.storage.db().tenant(caller, delete).await?)
    }
}

/// The media type of all objects of a recording.
fn media_type(head: &Head) -> &'static str {
    head.container.media_type(head.tracks.iter().any(|track| track.codec.kind() == Kind::Video))
}

const fn segment_extension(container: Container) -> &'static str {
    match container {
        Container::Mp4 => "m4s",
        Container::Webm | Container::Matroska => container.extension(),
    }
}

fn key(head: &Head, name: &str) -> String {
    format!("{}/{name}", directory(head.channel, head.recording))
}

/// What begins the keys of all objects of a recording.
fn directory(channel: ChannelId, recording: RecordingId) -> String {
    format!("{channel}/{recording}")
}

fn row_number(number: u32) -> Result<i32, Error> {
    i32::try_from(number).map_err(|_huge| Error::Damaged)
}

fn length(bytes: usize) -> Result<i64, Error> {
    i64::try_from(bytes).map_err(|_huge| Error::Damaged)
}

fn time(milliseconds: u64) -> Result<i64, Error> {
    i64::try_from(milliseconds).map_err(|_huge| Error::Damaged)
}
