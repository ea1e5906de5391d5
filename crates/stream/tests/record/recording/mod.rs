//! Recordings in a database, a directory of files and a directory of logs.

mod bounds;
mod isolation;
mod killed;
mod lost;
#[cfg(feature = "http")]
mod routes;
mod storing;

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use uuid::Uuid;
use veza_core::page::PageRequest;
use veza_core::{Caller, Db, SystemRandom, Tasks};
use veza_jobs::{Jobs, JobsConfig, Runtime};
use veza_storage::backend::fs::{FsBackend, FsConfig};
use veza_storage::object::{self, ListRequest};
use veza_storage::{ObjectKey, Storage, StorageConfig};
use veza_stream::record::{
    self, JoinRecording, NewRecording, RecordConfig, Recorder, Recording, RemoveRecording, Shelf, Tapped,
};
use veza_stream::{ChannelId, Codec, ExtensionMap, Feedback, RecordingId, Track};
use veza_testing::TestDirectory;

use crate::media::{self, Rtp};

/// All that recording needs.
pub(crate) struct Studio {
    pub(crate) db: Db,
    pub(crate) shelf: Shelf,
    pub(crate) storage: Storage,
    pub(crate) recorder: Recorder,
    pub(crate) tasks: Tasks,
    pub(crate) directory: Arc<TestDirectory>,
}

impl Studio {
    pub(crate) async fn new(db: &Db) -> Self {
        Self::at(db, Arc::new(TestDirectory::new())).await
    }

    /// Another process on the same directories.
    pub(crate) async fn at(db: &Db, directory: Arc<TestDirectory>) -> Self {
        let storage = storage(db, directory.path().join("files")).await;
        Self::with(db, storage, directory)
    }

    /// With files that are elsewhere.
    pub(crate) fn with(db: &Db, storage: Storage, directory: Arc<TestDirectory>) -> Self {
        Self::bounded(db, storage, directory, RecordConfig::default())
    }

    /// With other bounds of what waits in logs.
    pub(crate) fn bounded(
        db: &Db,
        storage: Storage,
        directory: Arc<TestDirectory>,
        bounds: RecordConfig,
    ) -> Self {
        let (shelf, tasks) = (Shelf::new(storage.clone()), Tasks::new());
        let config = RecordConfig { directory: directory.path().join("logs"), ..bounds };
        let recorder = Recorder::new(shelf.clone(), config, tasks.clone());
        Self { db: db.clone(), shelf, storage, recorder, tasks, directory }
    }

    /// Does the jobs of a tenant.
    pub(crate) async fn work(&self, caller: &Caller) {
        let jobs = Jobs::new(self.db.clone(), JobsConfig::default()).unwrap();
        let runtime = Runtime::builder(&jobs)
            .handler::<JoinRecording, _>(self.shelf.clone())
            .handler::<RemoveRecording, _>(self.shelf.clone())
            .build()
            .unwrap();
        runtime.drain(caller).await.unwrap();
    }

    pub(crate) async fn get(&self, caller: &Caller, id: RecordingId) -> Result<Recording, record::Error> {
        let permit = caller.permit().unwrap();
        self.db.read(caller, move |tx| record::get(tx, &permit, id)).await
    }

    /// The keys of all objects of a bucket.
    pub(crate) async fn keys(&self, caller: &Caller, bucket: &'static str) -> Vec<String> {
        let permit = caller.permit().unwrap();
        let list = self.db.read(caller, move |tx| {
            let request = ListRequest { prefix: String::new(), delimiter: None };
            let page = PageRequest { limit: 200, after: None };
            object::list(tx, &permit, bucket, &request, &page)
        });
        let key = |entry: object::Entry| match entry {
            object::Entry::Object(object) => object.key,
            object::Entry::Prefix { prefix } => prefix,
        };
        list.await.unwrap().items.into_iter().map(key).collect()
    }

    /// The file of a recording, on this machine.
    pub(crate) async fn file(&self, caller: &Caller, recording: &Recording) -> PathBuf {
        let file = recording.file.as_ref().unwrap();
        let (permit, key) = (caller.permit().unwrap(), ObjectKey::new(file.key.clone()).unwrap());
        let reading = self.storage.read(caller, &permit, &recording.bucket, &key, None, None).await.unwrap();
        let bytes = reading.body.try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(i64::try_from(bytes.len()).unwrap(), file.bytes);
        let path = self.directory.path().join("downloaded");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Logs that are there.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for tenant in std::fs::read_dir(self.directory.path().join("logs")).into_iter().flatten() {
            let inner = std::fs::read_dir(tenant.unwrap().path()).unwrap();
            found.extend(inner.map(|entry| entry.unwrap().path()));
        }
        found
    }
}

pub(crate) async fn storage(db: &Db, files: PathBuf) -> Storage {
    limited(db, files, None).await
}

/// Of which each tenant may have so many bytes.
pub(crate) async fn limited(db: &Db, files: PathBuf, quota_bytes: Option<i64>) -> Storage {
    let config = StorageConfig { quota_bytes, ..StorageConfig::default() };
    let backend = FsBackend::open(FsConfig::new(files), Arc::new(SystemRandom)).await.unwrap();
    Storage::new(db.clone(), config, "fs", Arc::new(backend), None).unwrap()
}

pub(crate) fn track(mid: &str, codec: Codec) -> Track {
    Track {
        mid: mid.to_owned(),
        codec,
        format: None,
        payload_type: 96,
        rtx_payload_type: None,
        ssrc: None,
        rtx_ssrc: None,
        extensions: ExtensionMap::default(),
        feedback: Feedback::default(),
    }
}

pub(crate) fn new_recording(bucket: Option<&str>) -> NewRecording {
    NewRecording {
        channel: channel(),
        bucket: bucket.map(str::to_owned),
        tracks: vec![track("0", Codec::Opus), track("1", Codec::H264)],
    }
}

pub(crate) fn channel() -> ChannelId {
    ChannelId::from_uuid(Uuid::from_u128(7))
}

#[allow(clippy::disallowed_methods, reason = "packets come by this clock")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// So many seconds of sound and pictures, each packet with the time from the beginning at which it comes.
pub(crate) fn published(seconds: u32) -> Vec<(Duration, usize, Rtp)> {
    let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let sound = media::packets(&media::rtp(&tone, &["-c:a", "libopus", "-ac", "2"]));
    let source = format!("testsrc2=size=320x240:rate=30:duration={seconds}");
    let fast = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "30", "-pix_fmt", "yuv420p"];
    let pictures = media::packets(&media::rtp(&source, &fast));
    let mut all = Vec::new();
    for (track, rate, packets) in [(0, 48_000.0, sound), (1, 90_000.0, pictures)] {
        let first = packets[0].timestamp;
        for packet in packets {
            let after = f64::from(packet.timestamp.wrapping_sub(first)) / rate;
            all.push((Duration::from_secs_f64(after), track, packet));
        }
    }
    all.sort_by_key(|(after, ..)| *after);
    all
}

/// Sends all of it, as if it came in time.
pub(crate) fn send(tap: &mpsc::SyncSender<Tapped>, published: &[(Duration, usize, Rtp)]) {
    let begun = instant();
    for (index, (after, track, rtp)) in published.iter().enumerate() {
        let index = published[..index].iter().filter(|(_, other, _)| other == track).count();
        let packet = Arc::new(rtp.packet(u64::try_from(index).unwrap(), begun + *after));
        // A recording that has ended takes nothing.
        if tap.send(Tapped::Packet { track: *track, packet }).is_err() {
            return;
        }
    }
}
