//! Joining the segments of a recording to one file.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use veza_core::{Caller, ReadTx, TenantTx};
use veza_jobs::{Context, Handler, Job, JobError, Options, Outcome};
use veza_storage::{Body, ObjectKey};

use super::{Shelf, directory};
use crate::codec::Kind;
use crate::id::RecordingId;
use crate::record::Error;
use crate::record::joined::{Frame, Part};
use crate::record::recording::{self, RecordedFile, Recording, Segment};

/// The job of joining a recording to one file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinRecording {
    /// Which one.
    pub recording: RecordingId,
}

impl Job for JoinRecording {
    const KIND: &'static str = "stream.join_recording";
    const QUEUE: &'static str = "stream";

    fn options(&self) -> Options {
        // A day's recording is read and written once.
        Options::default().unique(self.recording.to_string()).timeout(Duration::from_hours(6))
    }
}

impl Handler<JoinRecording> for Shelf {
    async fn run(&self, job: JoinRecording, cx: Context) -> Result<Outcome, JobError> {
        let joined = self.join(cx.caller(), job.recording).await;
        let cleared = match joined {
            Ok(()) => self.clear(cx.caller(), job.recording).await,
            Err(error) => Err(error),
        };
        match cleared {
            // It was deleted meanwhile.
            Ok(()) | Err(Error::Absent(_)) => Ok(Outcome::Done),
            Err(error @ (Error::Damaged | Error::Unfit(_))) => Err(JobError::fatal(error)),
            Err(error) => Err(error.into()),
        }
    }
}

/// What is to be joined.
struct Pieces {
    recording: Recording,
    header: Segment,
    media: Vec<Segment>,
}

impl Shelf {
    /// Joins a recording that is stored. Doing it again does nothing.
    pub(crate) async fn join(&self, caller: &Caller, id: RecordingId) -> Result<(), Error> {
        let Some(pieces) = self.pieces(caller, id).await? else { return Ok(()) };
        let Pieces { recording, header, media } = pieces;
        let parts = media.iter().map(part).collect::<Vec<_>>();
        let header = self.bytes(caller, &recording.bucket, &header.key).await?;
        let frame = Frame::of(recording.container, &header, &parts)?;
        let inner: u64 = parts.iter().map(|part| part.bytes).sum();
        let around = u64::try_from(frame.before.len() + frame.behind.len()).unwrap_or(0);
        let key = format!("{}.{}", directory(recording.channel_id, id), recording.container.extension());
        let video = recording.tracks.iter().any(|track| track.codec.kind() == Kind::Video);
        let kind = recording.container.media_type(video);
        let body = self.body(caller, &recording.bucket, frame, &media);
        let object =
            self.put_object(caller, &recording.bucket, &key, kind, Some(inner + around), body).await?;
        let file = RecordedFile { key: object.key, bytes: object.size, version_id: object.version_id };
        let note = move |tx: &mut TenantTx<'_>| recording::joined(tx, id, &file);
        let noted = self.storage.db().tenant(caller, note).await;
        if matches!(noted, Err(Error::Absent(_))) {
            self.delete_objects(caller, &recording.bucket, vec![key]).await?;
        }
        noted
    }

    /// Removes the segments of a recording that is one file. Doing it again does nothing.
    async fn clear(&self, caller: &Caller, id: RecordingId) -> Result<(), Error> {
        let permit = caller.permit()?;
        let find = move |tx: &mut ReadTx<'_>| recording::get(tx, &permit, id);
        let recording = self.storage.db().read(caller, find).await?;
        if recording.file.is_none() {
            return Ok(());
        }
        match self.remove_segments(caller, id, &recording.bucket).await {
            // The bucket keeps what is in it; it goes with the recording, when that may be deleted.
            Err(Error::Storage(veza_storage::Error::Retained)) => Ok(()),
            outcome => outcome,
        }
    }

    async fn pieces(&self, caller: &Caller, id: RecordingId) -> Result<Option<Pieces>, Error> {
        let permit = caller.permit()?;
        let find = move |tx: &mut ReadTx<'_>| {
            let recording = recording::get(tx, &permit, id)?;
            let (header, media) = (recording::headers(tx, id)?.pop(), recording::media(tx, id)?);
            let (Some(header), None) = (header, &recording.file) else { return Ok(None) };
            // The storage may have taken a header and nothing more.
            if media.is_empty() {
                return Ok(None);
            }
            Ok::<_, Error>(Some(Pieces { recording, header, media }))
        };
        self.storage.db().read(caller, find).await
    }

    async fn bytes(&self, caller: &Caller, bucket: &str, key: &str) -> Result<Vec<u8>, Error> {
        let key = ObjectKey::new(key)?;
        let reading = self.storage.read(caller, &caller.permit()?, bucket, &key, None, None).await?;
        Ok(reading.body.try_collect::<Vec<Bytes>>().await?.concat())
    }

    /// All bytes of the file, read as they are written.
    fn body(&self, caller: &Caller, bucket: &str, frame: Frame, media: &[Segment]) -> Body {
        let keys: Vec<String> = media.iter().map(|segment| segment.key.clone()).collect();
        let (storage, caller, bucket) = (self.storage.clone(), caller.clone(), bucket.to_owned());
        let read = move |key: String| {
            let (storage, caller, bucket) = (storage.clone(), caller.clone(), bucket.clone());
            async move {
                let key = ObjectKey::new(key)?;
                let permit = caller.permit()?;
                let reading = storage.read(&caller, &permit, &bucket, &key, None, None).await?;
                Ok::<_, veza_storage::Error>(reading.body)
            }
        };
        let inner = stream::iter(keys).then(read).try_flatten();
        let (before, behind) = (Bytes::from(frame.before), Bytes::from(frame.behind));
        Box::pin(stream::iter([Ok(before)]).chain(inner).chain(stream::iter([Ok(behind)])))
    }
}

fn part(segment: &Segment) -> Part {
    Part {
        bytes: segment.bytes.unsigned_abs(),
        begin_ms: segment.begin_ms.unsigned_abs(),
        duration_ms: segment.duration_ms.unsigned_abs(),
        keyframe: segment.keyframe,
    }
}
