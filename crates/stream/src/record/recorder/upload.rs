//! Segments of a log on their way to where they are kept.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use veza_core::{Fault, Kind, Timestamp};

use super::backlog::{Backlog, Backlogs};
use super::{Busy, blocking};
use crate::record::Error;
use crate::record::log::{self, Abandoned, End, Head, Log};
use crate::record::reason::EndReason;
use crate::record::shelf::Shelf;

/// The first pause after a failure. Each further one is twice as long,
const FIRST: Duration = Duration::from_millis(500);
/// and none is longer than this.
const LONGEST: Duration = Duration::from_mins(1);
/// What a bucket refuses for so long is given up. A storage that is away is waited for without end.
const PATIENCE: TimeDelta = TimeDelta::days(1);
/// How often it is said that somebody sees to a recording.
const SEEN: Duration = Duration::from_secs(30);

/// What a recording tells whoever stores it.
#[derive(Debug)]
pub(super) enum Step {
    /// A segment is complete.
    Segment(u32),
    /// Nothing follows. The log is held until all is stored.
    End(End, Log),
}

/// Why storing was given up.
enum Abort {
    /// The recording was deleted.
    Deleted,
    /// The process stops. The log stays for the next one.
    Stopped,
    /// The bucket took nothing for too long, or the tenant may store no more.
    Refused(EndReason),
}

pub(super) struct Upload {
    pub(super) shelf: Shelf,
    pub(super) directory: PathBuf,
    pub(super) head: Head,
    /// What waits, and whether more is of any use.
    pub(super) backlog: Arc<Backlog>,
    /// Until it is dropped, the recorder is not idle.
    pub(super) _busy: Busy,
}

impl Upload {
    /// Stores segments as they are completed.
    pub(super) async fn segments(self, steps: mpsc::UnboundedReceiver<Step>, stop: CancellationToken) {
        tokio::select! {
            () = self.store(steps, &stop) => {}
            () = self.speak() => {}
        }
    }

    /// Says from time to time that somebody sees to the recording.
    async fn speak(&self) {
        loop {
            if let Err(error) = self.shelf.seen(&self.head).await {
                tracing::debug!(%error, recording.id = %self.head.recording, "nobody hears of a recording");
            }
            tokio::time::sleep(SEEN).await;
        }
    }

    async fn store(&self, mut steps: mpsc::UnboundedReceiver<Step>, stop: &CancellationToken) {
        let mut outcome = Ok(());
        while let Some(step) = steps.recv().await {
            outcome = match step {
                _ if matches!(outcome, Err(Abort::Stopped)) => break,
                Step::Segment(number) => match outcome {
                    // Nothing behind what is missing is stored. It gives its room back.
                    Err(Abort::Refused(reason)) => {
                        let removed = async || self.discard(number).await;
                        let removed = self.persist("a segment is not removed", stop, removed).await;
                        removed.and(Err(Abort::Refused(reason)))
                    }
                    _ => self.segment(number, stop).await,
                },
                Step::End(end, held) => {
                    let ended = self.end(Some(end), outcome, stop).await;
                    drop(held);
                    ended
                }
            };
        }
    }

    async fn segment(&self, number: u32, stop: &CancellationToken) -> Result<(), Abort> {
        let path = log::segment_path(&self.directory, number);
        self.persist("a segment is not stored", stop, async || {
            let path = path.clone();
            if let Some(segment) = blocking(move || log::read_segment(&path)).await? {
                self.shelf.put(&self.head, number, segment).await?;
            }
            self.discard(number).await
        })
        .await
    }

    /// Removes a segment from the log.
    async fn discard(&self, number: u32) -> Result<(), Error> {
        let directory = self.directory.clone();
        self.backlog.remove(blocking(move || log::remove_segment(&directory, number)).await?);
        Ok(())
    }

    /// Ends the recording, all of whose segments are stored, unless it was deleted.
    async fn end(
        &self,
        end: Option<End>,
        segments: Result<(), Abort>,
        stop: &CancellationToken,
    ) -> Result<(), Abort> {
        match segments {
            Err(Abort::Stopped) => return Err(Abort::Stopped),
            Err(Abort::Refused(reason)) => {
                let now = self.now();
                let at = end.map_or(now, |end| end.at);
                let refused = async || self.shelf.refused(&self.head, reason, at).await;
                self.persist("a recording is not ended", stop, refused).await?;
            }
            Err(Abort::Deleted) => {
                self.persist("a log is not removed", stop, async || self.shelf.dropped(&self.head).await)
                    .await?;
            }
            Ok(()) => {
                self.persist("a recording is not ended", stop, async || {
                    match end {
                        Some(end) => self.shelf.end(&self.head, end).await?,
                        None => self.shelf.interrupted(&self.head).await?,
                    }
                    self.shelf.stored(&self.head).await
                })
                .await?;
            }
        }
        self.persist("a log is not removed", stop, async || {
            let directory = self.directory.clone();
            Ok(blocking(move || log::remove(&directory)).await?)
        })
        .await
    }

    /// Stores what is left of a recording, and ends it.
    async fn rest(&self, segments: Vec<u32>, end: Option<End>, stop: &CancellationToken) {
        let begun = async || self.shelf.begin(&self.head).await;
        let mut outcome = self.persist("a recording is not noted", stop, begun).await;
        for number in segments {
            if outcome.is_ok() {
                outcome = self.segment(number, stop).await;
            }
        }
        let _left_for_the_next_start = self.end(end, outcome, stop).await;
    }

    fn now(&self) -> Timestamp {
        self.shelf.storage().db().clock().now()
    }

    /// Since when the bucket has refused what is recorded, also through other processes.
    async fn refused_since(&self) -> Result<Timestamp, Error> {
        let (directory, now) = (self.directory.clone(), self.now());
        Ok(blocking(move || log::refused_since(&directory, now)).await?)
    }

    /// Notes that something was refused. Answers whether that has gone on for too long.
    async fn is_given_up(&self) -> bool {
        match self.refused_since().await {
            Ok(since) if self.now() - since >= PATIENCE => {
                tracing::error!(recording.id = %self.head.recording, %since, "a recording is given up, as its bucket refuses it");
                true
            }
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(%error, "it is not known since when a bucket refuses");
                false
            }
        }
    }

    /// There is no use in recording more.
    fn refuse(&self, reason: EndReason) -> Abort {
        self.backlog.refuse(reason);
        Abort::Refused(reason)
    }

    /// Tries until it succeeds, or until it was refused for good; when the process stops, once more.
    async fn persist<F: Future<Output = Result<(), Error>>>(
        &self,
        what: &'static str,
        stop: &CancellationToken,
        work: impl Fn() -> F,
    ) -> Result<(), Abort> {
        let (mut pause, mut was_refused) = (FIRST, false);
        loop {
            let last = stop.is_cancelled();
            match work().await {
                Ok(()) if was_refused => {
                    let directory = self.directory.clone();
                    if let Err(error) = blocking(move || log::accepted(&directory)).await {
                        tracing::warn!(%error, "that a bucket takes something again is not noted");
                    }
                    return Ok(());
                }
                Ok(()) => return Ok(()),
                Err(Error::Absent(_)) => return Err(Abort::Deleted),
                // Waiting for room would fill the disk that all share.
                Err(Error::Storage(veza_storage::Error::QuotaExceeded)) => {
                    tracing::info!(recording.id = %self.head.recording, "a recording ends: its organisation may store no more");
                    return Err(self.refuse(EndReason::QuotaExceeded));
                }
                Err(error) => {
                    metrics::counter!("veza_stream_recording_retries_total").increment(1);
                    tracing::warn!(%error, recording.id = %self.head.recording, "{what}");
                    was_refused = is_refusal(&error);
                    if was_refused && self.is_given_up().await {
                        return Err(self.refuse(EndReason::Refused));
                    }
                }
            }
            if last {
                return Err(Abort::Stopped);
            }
            let _stops = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            pause = pause.saturating_mul(2).min(LONGEST);
        }
    }
}

/// Whether the tenant's bucket does not take it, rather than that something does not work.
fn is_refusal(error: &Error) -> bool {
    let Error::Storage(error) = error else { return false };
    matches!(error.kind(), Kind::NotFound | Kind::QuotaExceeded | Kind::Invalid | Kind::Forbidden)
}

/// Stores and ends what another process left.
pub(super) async fn recovered(
    shelf: Shelf,
    abandoned: Abandoned,
    backlogs: Arc<Backlogs>,
    busy: Busy,
    stop: CancellationToken,
) {
    let directory = abandoned.directory.clone();
    let read = {
        let directory = directory.clone();
        blocking(move || {
            let segments = log::segments(&directory)?;
            let bytes: std::io::Result<u64> =
                segments.iter().map(|number| log::segment_bytes(&directory, *number)).sum();
            Ok((log::read_head(&directory)?, segments, bytes?, log::read_end(&directory)))
        })
    };
    let (head, segments, bytes, end) = match read.await {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(%error, directory = %directory.display(), "the log of a recording cannot be read");
            return;
        }
    };
    // A process that was killed before it wrote down whose it is has recorded nothing.
    let Some(head) = head else {
        if let Err(error) = blocking(move || log::remove(&directory)).await {
            tracing::warn!(%error, "an empty log is not removed");
        }
        return;
    };
    tracing::info!(recording.id = %head.recording, segments = segments.len(), "a recording is brought to its end");
    let backlog = Arc::new(Backlog::new(&backlogs, head.tenant));
    backlog.add(bytes);
    let upload = Upload { shelf, directory, head, backlog, _busy: busy };
    tokio::select! {
        () = upload.rest(segments, end, &stop) => {}
        () = upload.speak() => {}
    }
    drop(abandoned);
}
