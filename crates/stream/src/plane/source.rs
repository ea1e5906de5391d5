//! What is published, as those who forward it see it.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use super::ring::Ring;
use crate::codec::{Codec, Kind};
use crate::id::SessionId;
use crate::packet::{ClockReading, Packet};
use crate::record::Tapped;

/// Packets of one frame are held back so long to be sent together.
pub(crate) const HELD: Duration = Duration::from_millis(1);
/// Packets that are sent together.
const TOGETHER: usize = 8;

/// What is published: on the shard that gets it, and on each other that has viewers of it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) session: SessionId,
    /// The shard that gets it.
    pub(crate) owner: usize,
    pub(crate) tracks: Vec<SourceTrack>,
    /// Other shards that forward it.
    pub(crate) shards: Vec<usize>,
    /// Who records it.
    pub(crate) taps: Vec<SyncSender<Tapped>>,
    /// Sessions of this shard that watch it, or are about to.
    pub(crate) viewers: usize,
}

/// A track of it.
#[derive(Debug)]
pub(crate) struct SourceTrack {
    pub(crate) codec: Codec,
    pub(crate) ring: Ring,
    /// Who watches: the session's place, and which of its tracks.
    pub(crate) viewers: Vec<(usize, usize)>,
    burst: Vec<Arc<Packet>>,
    pub(crate) clock: Option<ClockReading>,
}

impl Source {
    pub(crate) fn new(session: SessionId, owner: usize, codecs: &[Codec]) -> Self {
        let track = |codec: &Codec| SourceTrack {
            codec: *codec,
            ring: Ring::new(),
            viewers: Vec::new(),
            burst: Vec::new(),
            clock: None,
        };
        let tracks = codecs.iter().map(track).collect();
        Self { session, owner, tracks, shards: Vec::new(), taps: Vec::new(), viewers: 0 }
    }

    /// Gives it to who records it; who is too slow misses it, and who is gone is forgotten.
    pub(crate) fn tap(&mut self, tapped: &Tapped) {
        self.taps.retain(|tap| match tap.try_send(tapped.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                metrics::counter!("veza_stream_recorder_dropped_packets_total").increment(1);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
    }
}

impl SourceTrack {
    /// Takes a packet in, to be sent with what belongs to it. Answers whether it is new.
    pub(crate) fn take(&mut self, packet: &Arc<Packet>) -> bool {
        let is_new = self.ring.insert(packet);
        if is_new {
            self.burst.push(Arc::clone(packet));
        }
        is_new
    }

    /// Whether something is held back.
    pub(crate) fn holds(&self) -> bool {
        !self.burst.is_empty()
    }

    /// What was sent since the last key frame began, when that is all there and no more than `most`. What is held back is
    /// not among it: whoever watches from now on gets that when it is sent, and must not get it twice.
    pub(crate) fn sent_since_keyframe(&self, most: u64) -> Option<Vec<Arc<Packet>>> {
        let is_held = |packet: &Arc<Packet>| self.burst.iter().any(|held| held.index == packet.index);
        Some(self.ring.since_keyframe(most)?.filter(|packet| !is_held(packet)).cloned().collect())
    }

    /// Whether what is held is all that belongs together.
    pub(crate) fn is_whole(&self) -> bool {
        let ends = self.codec.kind() == Kind::Audio || self.burst.last().is_some_and(|last| last.marker);
        ends || self.burst.len() >= TOGETHER
    }

    /// Takes what is held.
    pub(crate) fn release(&mut self) -> Vec<Arc<Packet>> {
        std::mem::take(&mut self.burst)
    }

    /// Gives the memory of what was taken back.
    pub(crate) fn put_back(&mut self, mut burst: Vec<Arc<Packet>>) {
        burst.clear();
        if self.burst.is_empty() {
            self.burst = burst;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::Source;
    use crate::codec::Codec;
    use crate::id::SessionId;
    use crate::packet::Packet;

    #[allow(clippy::disallowed_methods, reason = "any moment will do")]
    fn packet(index: u64, keyframe: bool) -> Arc<Packet> {
        let (extensions, payload) = (Vec::new(), Box::default());
        let (arrived, timestamp) = (Instant::now(), u32::try_from(index).unwrap());
        Arc::new(Packet { index, timestamp, marker: false, keyframe, arrived, extensions, payload })
    }

    /// Sealed twice under one number, a packet would give the key away.
    #[test]
    fn who_comes_while_packets_are_held_gets_each_once() {
        let mut source = Source::new(SessionId::from_uuid(uuid::Uuid::nil()), 0, &[Codec::Vp8]);
        let track = &mut source.tracks[0];
        assert!(track.take(&packet(5, true)) && track.take(&packet(6, false)));
        let sent = track.release();
        track.put_back(sent);
        assert!(track.take(&packet(7, false)));
        let at_once: Vec<u64> = track.sent_since_keyframe(10).unwrap().iter().map(|it| it.index).collect();
        let later: Vec<u64> = track.release().iter().map(|it| it.index).collect();
        assert_eq!((at_once, later), (vec![5, 6], vec![7]));
        assert!(track.take(&packet(8, true)));
        assert_eq!(track.sent_since_keyframe(10).unwrap().len(), 0, "the key frame itself is held");
    }
}
