//! Removing what is stored of a deleted recording.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use veza_core::{Caller, Query, ReadTx, TenantScope, TenantTx};
use veza_jobs::{Context, Handler, Job, JobError, Options, Outcome};

use super::Shelf;
use crate::id::RecordingId;
use crate::record::Error;
use crate::record::recording;
use crate::schema::recordings;

/// Objects that one transaction deletes, for each takes a lock.
const BATCH: i64 = 100;

/// The job of removing what is stored of a deleted recording.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RemoveRecording {
    /// Which one.
    pub recording: RecordingId,
}

impl Job for RemoveRecording {
    const KIND: &'static str = "stream.remove_recording";
    const QUEUE: &'static str = "stream";

    fn options(&self) -> Options {
        Options::default().timeout(Duration::from_hours(1))
    }
}

impl Handler<RemoveRecording> for Shelf {
    async fn run(&self, job: RemoveRecording, cx: Context) -> Result<Outcome, JobError> {
        self.remove(cx.caller(), job.recording).await?;
        Ok(Outcome::Done)
    }
}

impl Shelf {
    /// Removes all objects of a deleted recording, and then its rows. Doing it again does nothing.
    pub(crate) async fn remove(&self, caller: &Caller, id: RecordingId) -> Result<(), Error> {
        use diesel::prelude::*;

        let find = move |tx: &mut ReadTx<'_>| {
            let this = recordings::table
                .find((tx.tenant(), id))
                .filter(recordings::deleted_at.is_not_null())
                .select((recordings::bucket, recordings::file_key));
            Ok::<_, Error>(tx.find_result::<(String, Option<String>), _>(this)?)
        };
        let Some((bucket, file)) = self.storage.db().read(caller, find).await? else { return Ok(()) };
        self.delete_objects(caller, &bucket, file.into_iter().collect()).await?;
        self.remove_segments(caller, id, &bucket).await?;
        self.storage.db().tenant(caller, move |tx| recording::forget(tx, id)).await
    }

    /// Removes all segments of a recording, and their rows.
    pub(super) async fn remove_segments(
        &self,
        caller: &Caller,
        id: RecordingId,
        bucket: &str,
    ) -> Result<(), Error> {
        loop {
            let keys = self.storage.db().read(caller, move |tx| recording::some(tx, id, BATCH)).await?;
            if keys.is_empty() {
                return Ok(());
            }
            self.delete_objects(caller, bucket, keys.clone()).await?;
            let forget = move |tx: &mut TenantTx<'_>| recording::remove_segments(tx, id, &keys);
            self.storage.db().tenant(caller, forget).await?;
        }
    }
}
