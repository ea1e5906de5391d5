//! Recording what is published.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use veza_core::{Caller, Tasks};

use super::Streams;
use crate::live::{Live, Side};
use crate::plane::Plane;
use crate::record::{NewRecording, Recorder};

/// Packets that a recorder may be behind: two seconds of much.
const TAPPED: usize = 4_096;
/// The first pause before it is tried again to record. Each further one is twice as long,
const FIRST: Duration = Duration::from_millis(500);
/// and none is longer than this.
const LONGEST: Duration = Duration::from_secs(30);

impl Streams {
    /// Records a publisher whose channel says so, beside everything else: what keeps it from beginning must not cost anybody
    /// the live picture.
    pub(super) fn begin_recording(&self, tasks: &Tasks, live: &Arc<Live>) {
        let (recorder, plane) = (self.inner.recorder.get(), self.inner.plane.get());
        if matches!(live.side, Side::Publisher { records: true, .. })
            && let Some((recorder, plane)) = recorder.zip(plane)
        {
            let (recorder, plane, live) = (recorder.clone(), plane.clone(), Arc::clone(live));
            tasks.spawn("stream.begin_recording", move |stop| begin(recorder, plane, live, stop));
        }
    }
}

/// Tries until it is recorded, or has ended.
async fn begin(recorder: Recorder, plane: Plane, live: Arc<Live>, stop: CancellationToken) {
    let mut pause = FIRST;
    // It has ended meanwhile when there is nothing to tap.
    while let Ok(tap) = plane.tap(live.id, TAPPED) {
        let (asked, id) = (plane.clone(), live.id);
        let new = NewRecording { channel: live.channel, bucket: None, tracks: live.tracks.clone() };
        let ask = move |track| asked.want_keyframe(id, track);
        match recorder.start(&Caller::system(live.tenant), new, tap, ask).await {
            Ok(recording) => {
                tracing::info!(recording.id = %recording, session.id = %id, "recording");
                return;
            }
            Err(error) => tracing::warn!(%error, session.id = %id, "what is published is not recorded yet"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = live.done.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = pause.saturating_mul(2).min(LONGEST),
        }
    }
}
