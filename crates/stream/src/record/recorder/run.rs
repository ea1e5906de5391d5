//! One recording, while it is made: a thread of its own, which may wait for the disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use veza_core::Clock;

use super::backlog::Backlog;
use super::instant;
use super::upload::Step;
use crate::record::Tapped;
use crate::record::capture::Capture;
use crate::record::log::{End, Head, Log};
use crate::record::reason::EndReason;
use crate::record::shelf::Shelf;

/// How often it is looked what waits for too long.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Run {
    pub(super) capture: Capture,
    pub(super) log: Log,
    pub(super) shelf: Shelf,
    pub(super) head: Head,
    pub(super) segments: UnboundedSender<Step>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ask: Box<dyn Fn(usize) + Send>,
    /// What waits to be stored, and whether there is any use in recording more.
    pub(super) backlog: Arc<Backlog>,
}

impl Run {
    /// Records until there is a reason to end.
    pub(super) fn until_end(mut self, tap: &Receiver<Tapped>, stop: &CancellationToken, runtime: &Handle) {
        let reason = self.record(tap, stop);
        let reason = self.capture.finish().map_or_else(|other| other, |()| reason);
        let reason = self.write().map_or_else(|other| other, |()| reason);
        let end = End { reason, at: self.clock.now() };
        self.log.close();
        // Without it the log is ended by whoever finds it.
        if let Err(error) = self.log.end(&end) {
            tracing::warn!(%error, "the end of a recording is not in its log");
        }
        // At once, however long storing the rest takes; it is said again then.
        if let Err(error) = runtime.block_on(self.shelf.end(&self.head, end)) {
            tracing::warn!(%error, "the end of a recording is not noted yet");
        }
        self.announce();
        // The lock goes to whoever stores the rest.
        let _gone = self.segments.send(Step::End(end, self.log));
    }

    fn record(&mut self, tap: &Receiver<Tapped>, stop: &CancellationToken) -> EndReason {
        let mut ticked = instant();
        while !stop.is_cancelled() {
            if let Some(reason) = self.backlog.verdict() {
                return reason;
            }
            let step = match tap.recv_timeout(TICK) {
                Ok(Tapped::Ended) | Err(RecvTimeoutError::Disconnected) => return EndReason::Ended,
                Ok(tapped) => self.capture.push(tapped),
                Err(RecvTimeoutError::Timeout) => Ok(()),
            };
            let now = instant();
            let tick = now.saturating_duration_since(ticked) >= TICK;
            let step = if tick { step.and_then(|()| self.capture.tick(now)) } else { step };
            if tick {
                ticked = now;
            }
            for track in self.capture.asks() {
                (self.ask)(track);
            }
            if let Err(reason) = step.and_then(|()| self.write()) {
                return reason;
            }
        }
        EndReason::Stopped
    }

    /// Writes down what was made.
    fn write(&mut self) -> Result<(), EndReason> {
        for piece in self.capture.take() {
            let written = self.log.append(piece);
            self.announce();
            self.backlog.add(written.map_err(|error| EndReason::disk(&error))?);
        }
        Ok(())
    }

    /// Has segments stored that are complete.
    fn announce(&mut self) {
        for number in self.log.take_complete() {
            let _gone = self.segments.send(Step::Segment(number));
        }
    }
}
