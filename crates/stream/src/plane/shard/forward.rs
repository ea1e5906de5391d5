//! From publishers to viewers.

use std::sync::Arc;
use std::time::Instant;

use super::{Held, Shard};
use crate::id::SessionId;
use crate::packet::Packet;
use crate::plane::egress::SendTime;
use crate::plane::message::Message;
use crate::plane::route::Sink;
use crate::plane::session::{Role, Session};
use crate::plane::source::HELD;
use crate::record::Tapped;

/// Packets since the last key frame that a new viewer gets at once: more than this would come too late to be of use.
const AT_ONCE: u64 = 96;

impl Shard {
    /// Takes a packet of what is published elsewhere.
    pub(super) fn forward(&mut self, session: SessionId, track: usize, packet: &Arc<Packet>, now: Instant) {
        if let Some(source) = self.source_ids.get(&session).copied() {
            self.forward_from(source, track, packet, now);
        }
    }

    /// Takes a packet in, to be sent by [`Self::flush`].
    pub(super) fn forward_from(&mut self, at: usize, track: usize, packet: &Arc<Packet>, now: Instant) {
        let Some(source) = self.sources.get_mut(at) else { return };
        let Some(forwarded) = source.tracks.get_mut(track) else { return };
        let holds = forwarded.holds();
        if !forwarded.take(packet) {
            return;
        }
        if !holds {
            self.held.push(Held { source: at, track, until: now + HELD });
        }
        if !source.taps.is_empty() {
            source.tap(&Tapped::Packet { track, packet: Arc::clone(packet) });
        }
    }

    /// Sends what is due.
    pub(crate) fn flush(&mut self, now: Instant, sink: &mut impl Sink) {
        let Self { sources, sessions, scratch, around, began, held, .. } = self;
        let sent_at = SendTime::new(*began, now);
        held.retain(|held| {
            let Some(source) = sources.get_mut(held.source) else { return false };
            let Some(track) = source.tracks.get_mut(held.track) else { return false };
            if !track.is_whole() && now < held.until {
                return true;
            }
            let burst = track.release();
            for shard in &source.shards {
                (around.tell)(*shard, Message::Media(source.session, held.track, burst.clone()));
            }
            for (viewer, slot) in &track.viewers {
                if let Some(session) = sessions.get_mut(*viewer) {
                    send(session, *slot, &burst, sent_at, scratch, sink);
                }
            }
            measure(&burst, track.viewers.len(), now);
            track.put_back(burst);
            false
        });
    }

    /// Gives a new viewer of `source` what it needs to begin: the last key frame and what followed, or the next one.
    pub(super) fn begin(&mut self, viewer: usize, now: Instant, sink: &mut impl Sink) {
        let Self { sources, sessions, scratch, began, .. } = self;
        let sent_at = SendTime::new(*began, now);
        let Some(session) = sessions.get_mut(viewer) else { return };
        let Role::Viewer(watched) = &session.role else { return };
        let Some(source) = sources.get_mut(watched.source) else { return };
        let (id, tracks) = (source.session, watched.tracks.iter().map(|it| it.of).collect::<Vec<_>>());
        let mut wanted = Vec::new();
        for (slot, of) in tracks.into_iter().enumerate() {
            let Some(track) = source.tracks.get_mut(of) else { continue };
            track.viewers.push((viewer, slot));
            // What was said or sung is over.
            if track.codec.kind() == crate::codec::Kind::Audio {
                continue;
            }
            match track.sent_since_keyframe(AT_ONCE) {
                Some(packets) => {
                    for burst in packets.chunks(8) {
                        send(session, slot, burst, sent_at, scratch, sink);
                    }
                }
                None => wanted.push(of),
            }
        }
        for track in wanted {
            self.want_keyframe(id, track);
        }
        self.tell_clocks(viewer, now, sink);
    }
}

fn send(
    session: &mut Session,
    slot: usize,
    burst: &[Arc<Packet>],
    now: SendTime,
    scratch: &mut [u8],
    sink: &mut impl Sink,
) {
    let (Some(line), Role::Viewer(viewer)) = (&mut session.line, &mut session.role) else { return };
    if let Some(egress) = viewer.tracks.get_mut(slot) {
        egress.send(line, burst, now, scratch, sink);
    }
}

/// How long packets were here, and how many went out.
fn measure(burst: &[Arc<Packet>], viewers: usize, now: Instant) {
    let viewers = u64::try_from(viewers).unwrap_or_default();
    let packets = u64::try_from(burst.len()).unwrap_or_default();
    metrics::counter!("veza_stream_forwarded_packets_total").increment(packets * viewers);
    if let Some(first) = burst.first() {
        let delay = now.saturating_duration_since(first.arrived);
        metrics::histogram!("veza_stream_forward_delay_seconds").record(delay.as_secs_f64());
    }
}
