//! What the data plane tells.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use veza_core::Tasks;

use super::Streams;
use super::sessions::count_end;
use super::writing::Writing;
use crate::id::SessionId;
use crate::live::Live;
use crate::plane::{EndReason, Ended, Event};
use crate::session::{Closing, Step};

/// How long the end of all sessions may take when the process stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Who hears the data plane, and has it written down.
struct Hearing {
    streams: Streams,
    tasks: Tasks,
    events: UnboundedReceiver<Event>,
    writing: Writing,
}

impl Hearing {
    /// Hears something, or gets on with writing; no when nothing more will be heard. It may be dropped and asked again.
    async fn get_on(&mut self) -> bool {
        tokio::select! {
            event = self.events.recv() => match event {
                Some(event) => self.happened(event),
                None => return false,
            },
            () = self.writing.get_on() => {}
        }
        true
    }

    async fn farewell(&mut self) {
        let streams = &self.streams;
        streams.drain();
        // All at once, and then they are written down as they come, with what they did to the last packet.
        for live in streams.registry().by_tenant().into_values().flatten() {
            streams.end_live(&live, EndReason::Drained);
        }
        while self.streams.registry().len() > 0 || !self.writing.is_done() {
            if !self.get_on().await {
                return;
            }
        }
    }

    /// Notes what happened, at once; it is written down with what else there is of the tenant.
    fn happened(&mut self, event: Event) {
        match event {
            Event::Connected(id) => self.connected(id),
            Event::Ended(ended) => self.ended(&ended),
        }
    }

    fn connected(&mut self, id: SessionId) {
        let Some(live) = self.streams.registry().came(id) else { return };
        live.state().connected_at = Some(self.streams.db().clock().now());
        let kind = live.side.kind().as_str();
        metrics::counter!("veza_stream_sessions_connected_total", "kind" => kind).increment(1);
        self.writing.add(live.tenant, Step::Connected(id));
        self.streams.begin_recording(&self.tasks, &live);
    }

    fn ended(&mut self, ended: &Ended) {
        let streams = &self.streams;
        let Some(live) = streams.registry().remove(ended.session) else { return };
        live.state().ended = Some(ended.reason);
        count_end(&live, ended.reason);
        streams.dismiss_viewers(&live);
        let reading = Some(streams.take_in(&live, Some(&ended.stats)));
        let closing = Closing { id: live.id, reason: ended.reason.as_str(), reading };
        self.writing.add(live.tenant, Step::Ended(closing));
    }
}

impl Streams {
    /// Hears the data plane until the process stops, and then ends all sessions.
    pub(super) fn hear(&self, tasks: &Tasks, events: UnboundedReceiver<Event>) {
        let mut hearing = Hearing {
            streams: self.clone(),
            tasks: tasks.clone(),
            events,
            writing: Writing::new(self.clone()),
        };
        tasks.spawn("stream.events", move |stop| async move {
            while let Some(true) = stop.run_until_cancelled(hearing.get_on()).await {}
            if tokio::time::timeout(FAREWELL, hearing.farewell()).await.is_err() {
                tracing::warn!("some sessions could not be ended in time; others find them lost");
            }
            if let Some(plane) = hearing.streams.inner.plane.get().cloned() {
                // It waits for threads.
                let _stopped = tokio::task::spawn_blocking(move || plane.stop()).await;
            }
        });
    }

    /// Watches what a session goes on with, in place of what it was before: when `lost` resolves, it has lost its right. So it
    /// has when the channel's tokens are ended, if it is one of those, of `epoch`.
    pub(crate) fn guard(
        &self,
        live: Arc<Live>,
        epoch: Option<i64>,
        lost: impl Future<Output = ()> + 'static,
    ) -> impl Future<Output = ()> + 'static {
        live.state().epoch = epoch;
        let (this, over) = (self.clone(), live.watch_anew());
        async move {
            tokio::select! {
                () = over.cancelled() => {}
                () = lost => this.end_live(&live, EndReason::Revoked),
            }
        }
    }
}
