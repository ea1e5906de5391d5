//! What the data plane tells.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use veza_core::{Caller, Tasks, TenantTx};

use super::Streams;
use super::sessions::count_end;
use crate::error::Error;
use crate::id::SessionId;
use crate::live::{Live, Side};
use crate::plane::{EndReason, Ended, Event};
use crate::record::{NewRecording, Recorder};
use crate::session;

/// Packets that a recorder may be behind: two seconds of much.
const TAPPED: usize = 4_096;
/// How long the end of all sessions may take when the process stops.
const FAREWELL: Duration = Duration::from_secs(5);

impl Streams {
    /// Hears the data plane until the process stops, and then ends all sessions.
    pub(super) fn hear(&self, tasks: &Tasks, mut events: UnboundedReceiver<Event>) {
        let this = self.clone();
        tasks.spawn("stream.events", move |stop| async move {
            while let Some(Some(event)) = stop.run_until_cancelled(events.recv()).await {
                this.happened(event).await;
            }
            let farewell = this.farewell(&mut events);
            if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
                tracing::warn!("some sessions could not be ended in time; others find them lost");
            }
            if let Some(plane) = this.inner.plane.get().cloned() {
                // It waits for threads.
                let _stopped = tokio::task::spawn_blocking(move || plane.stop()).await;
            }
        });
    }

    async fn farewell(&self, events: &mut UnboundedReceiver<Event>) {
        self.drain();
        for live in self.registry().by_tenant().into_values().flatten() {
            self.end_live(&live, EndReason::Drained);
        }
        while self.registry().len() > 0 {
            match events.recv().await {
                Some(event) => self.happened(event).await,
                None => return,
            }
        }
    }

    async fn happened(&self, event: Event) {
        let (id, outcome) = match event {
            Event::Connected(id) => (id, self.connected(id).await),
            Event::Ended(ended) => (ended.session, self.ended(&ended).await),
        };
        if let Err(error) = outcome {
            // The row says that it goes on until it was not seen for long.
            tracing::warn!(%error, session.id = %id, "what happened to a session cannot be written down");
        }
    }

    async fn connected(&self, id: SessionId) -> Result<(), Error> {
        let Some(live) = self.registry().came(id) else { return Ok(()) };
        live.state().connected_at = Some(self.db().clock().now());
        let kind = live.side.kind().as_str();
        metrics::counter!("veza_stream_sessions_connected_total", "kind" => kind).increment(1);
        let caller = Caller::system(live.tenant);
        self.db().tenant(&caller, move |tx: &mut TenantTx<'_>| session::connected(tx, id)).await?;
        if let Side::Publisher { records: true, .. } = live.side
            && let Some(recorder) = self.inner.recorder.get()
        {
            self.record(recorder, &live, &caller).await;
        }
        Ok(())
    }

    /// Begins to record. That it cannot be done must not cost anybody the live picture.
    async fn record(&self, recorder: &Recorder, live: &Live, caller: &Caller) {
        let Some(plane) = self.inner.plane.get() else { return };
        let (plane, id) = (plane.clone(), live.id);
        let new = NewRecording { channel: live.channel, bucket: None, tracks: live.tracks.clone() };
        let begun = match plane.tap(id, TAPPED) {
            Ok(tap) => recorder.start(caller, new, tap, move |track| plane.want_keyframe(id, track)).await,
            // It has ended meanwhile.
            Err(_ended) => return,
        };
        match begun {
            Ok(recording) => tracing::info!(recording.id = %recording, session.id = %id, "recording"),
            Err(error) => tracing::error!(%error, session.id = %id, "what is published is not recorded"),
        }
    }

    async fn ended(&self, ended: &Ended) -> Result<(), Error> {
        let Some(live) = self.registry().remove(ended.session) else { return Ok(()) };
        live.state().ended = Some(ended.reason);
        count_end(&live, ended.reason);
        self.dismiss_viewers(&live);
        let reading = self.take_in(&live, Some(&ended.stats));
        self.write_end(&live, ended.reason, Some(reading)).await
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
