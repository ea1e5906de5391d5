//! Recording, from a publisher's packets to stored objects: the one place with files, tasks and clocks.

mod backlog;
mod run;
mod upload;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use veza_core::{Caller, Tasks};

use self::backlog::{Backlog, Backlogs};
use self::run::Run;
use self::upload::Upload;
use super::capture::Capture;
use super::container::Container;
use super::log::{self, Head, Log};
use super::recording::RecordedTrack;
use super::shelf::{BUCKET, Shelf};
use super::{Error, Tapped};
use crate::id::{ChannelId, RecordingId};
use crate::track::Track;

/// Where recordings are written before they are stored.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecordConfig {
    /// The directory of the logs of recordings, on a disk of this machine. It needs room for what is recorded while the
    /// storage is away.
    pub directory: PathBuf,
    /// Bytes of a recording that may wait there to be stored; beyond, the recording ends (`backlog_full`).
    pub max_unstored_bytes: u64,
    /// Bytes of all recordings of an organisation that may wait there, in one process; beyond, they end.
    pub max_unstored_bytes_per_organization: u64,
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self {
            directory: "/var/lib/veza/recordings".into(),
            max_unstored_bytes: 2 << 30,
            max_unstored_bytes_per_organization: 8 << 30,
        }
    }
}

/// What is to be recorded.
#[derive(Debug, Clone)]
pub struct NewRecording {
    /// The channel that is published on.
    pub channel: ChannelId,
    /// The bucket that its setting names; [`BUCKET`], made on first use, when absent.
    pub bucket: Option<String>,
    /// What is published, in the order in which [`Tapped`] counts.
    pub tracks: Vec<Track>,
}

/// Records. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    shelf: Shelf,
    config: Arc<RecordConfig>,
    tasks: Tasks,
    backlogs: Arc<Backlogs>,
    /// How many recordings are not stored yet.
    busy: watch::Sender<usize>,
}

/// A recording that is not stored yet.
#[derive(Debug)]
struct Busy(watch::Sender<usize>);

impl Busy {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Recorder {
    /// Recordings that are written to `config.directory` and stored on `shelf`, by tasks among `tasks`.
    pub fn new(shelf: Shelf, config: RecordConfig, tasks: Tasks) -> Self {
        let backlogs = Arc::new(Backlogs::new(&config));
        Self { shelf, config: Arc::new(config), tasks, backlogs, busy: watch::Sender::new(0) }
    }

    /// Begins to record what comes out of `tap`, until [`Tapped::Ended`], until all of its senders are gone, or until the
    /// process stops. `ask` is called, from time to time, with the number of a track of which a key frame is needed.
    /// The recording has begun when this answers.
    ///
    /// # Errors
    /// [`Error::BacklogFull`]; [`Error::Log`] when the local log cannot be written; the database's own.
    pub async fn start(
        &self,
        caller: &Caller,
        new: NewRecording,
        tap: Receiver<Tapped>,
        ask: impl Fn(usize) + Send + 'static,
    ) -> Result<RecordingId, Error> {
        if !self.backlogs.has_room(caller.tenant().as_uuid()) {
            return Err(Error::BacklogFull);
        }
        let db = self.shelf.storage().db();
        let now = db.clock().now();
        let recorded = |track: &Track| RecordedTrack { mid: track.mid.clone(), codec: track.codec };
        let head = Head {
            tenant: caller.tenant().as_uuid(),
            recording: RecordingId::generate(now, &**db.random()),
            channel: new.channel,
            bucket: new.bucket.unwrap_or_else(|| BUCKET.to_owned()),
            container: Container::of(&new.tracks),
            tracks: new.tracks.iter().map(recorded).collect(),
            started_at: now,
        };
        let (root, of_log) = (self.config.directory.clone(), head.clone());
        // The log is first, so that a row always has somebody who ends it.
        let log = blocking(move || Log::create(&root, &of_log)).await?;
        if let Err(error) = self.shelf.begin(&head).await {
            let directory = log.directory().to_owned();
            blocking(move || log::remove(&directory)).await?;
            return Err(error);
        }
        let recording = head.recording;
        let (segments, stored) = mpsc::unbounded_channel();
        let directory = log.directory().to_owned();
        let busy = Busy::new(&self.busy);
        let backlog = Arc::new(Backlog::new(&self.backlogs, head.tenant));
        let upload = Upload {
            shelf: self.shelf.clone(),
            directory,
            head: head.clone(),
            backlog: Arc::clone(&backlog),
            _busy: busy,
        };
        let run = Run {
            capture: Capture::new(&new.tracks, instant()),
            log,
            shelf: self.shelf.clone(),
            head,
            segments,
            clock: Arc::clone(db.clock()),
            ask: Box::new(ask),
            backlog,
        };
        let runtime = Handle::current();
        let (over, ended) = oneshot::channel::<()>();
        let stop = self.tasks.stopping();
        let thread = std::thread::Builder::new().name("veza-record".to_owned());
        thread.spawn(move || {
            run.until_end(&tap, &stop, &runtime);
            drop(over);
        })?;
        // Whoever stops the process waits for the thread as well.
        self.tasks.spawn("stream.record", |_| async move { drop(ended.await) });
        self.tasks.spawn("stream.store", move |stop| upload.segments(stored, stop));
        metrics::counter!("veza_stream_recordings_total").increment(1);
        Ok(recording)
    }

    /// Stores and ends what processes left that were killed, or stopped before all was stored: once when a process
    /// begins. Answers how many there are; the work is done by tasks.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn recover(&self) -> Result<usize, Error> {
        let root = self.config.directory.clone();
        let abandoned = blocking(move || log::abandoned(&root)).await?;
        let found = abandoned.len();
        for log in abandoned {
            let (shelf, busy) = (self.shelf.clone(), Busy::new(&self.busy));
            let backlogs = Arc::clone(&self.backlogs);
            self.tasks
                .spawn("stream.recover", move |stop| upload::recovered(shelf, log, backlogs, busy, stop));
        }
        Ok(found)
    }
}

impl Recorder {
    /// Waits until no recording is being made, and each that was is stored or waits for the next start.
    pub async fn idle(&self) {
        let mut busy = self.busy.subscribe();
        // The sender is ours, so this ends with zero alone.
        let _zero = busy.wait_for(|count| *count == 0).await;
    }
}

/// Does what waits for the disk elsewhere than where packets wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(std::io::Error::other(error)),
    }
}

/// Packets say when they came by this clock.
#[allow(clippy::disallowed_methods, reason = "intervals between packets are measured, not decided, here")]
fn instant() -> std::time::Instant {
    std::time::Instant::now()
}
