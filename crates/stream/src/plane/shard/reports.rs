//! What peers report, and what they are told.

use std::time::{Duration, Instant};

use super::Shard;
use crate::packet::ClockReading;
use crate::plane::egress::SendTime;
use crate::plane::message::Message;
use crate::plane::route::{Route, Sink};
use crate::plane::session::{Role, Session};
use crate::record::Tapped;
use crate::rtcp::{Report, read};

/// Requests of one compound of reports that are answered, each for up to 17 packets.
const MOST_MISSING: usize = 64;

/// Packets that a viewer misses: of which of its tracks, one, and which of those behind it.
struct Missing {
    slot: usize,
    first: u16,
    behind: u16,
}

impl Shard {
    /// Takes a peer's reports.
    pub(super) fn reports(
        &mut self,
        at: usize,
        now: Instant,
        route: Route,
        bytes: &mut [u8],
        sink: &mut impl Sink,
    ) {
        let Some(session) = self.sessions.get_mut(at) else { return };
        let Some(length) = session.open_reports(bytes, route, now) else { return };
        let Some(compound) = bytes.get(..length) else { return };
        match session.role {
            Role::Publisher(_) => self.publisher_reports(at, now, compound, sink),
            Role::Viewer(_) => self.viewer_reports(at, now, compound, sink),
        }
    }

    fn publisher_reports(&mut self, at: usize, now: Instant, compound: &[u8], sink: &mut impl Sink) {
        let Some(Session { role: Role::Publisher(publisher), .. }) = self.sessions.get_mut(at) else {
            return;
        };
        let (source, mut clocks) = (publisher.source, Vec::new());
        let whole = read(compound, |report| {
            if let Report::Sender { ssrc, ntp, timestamp } = report
                && let Some(track) = publisher.track_of(ssrc)
                && let Some(ingest) = publisher.tracks.get_mut(track)
            {
                let reading = ClockReading { ntp, timestamp };
                if ingest.read_clock(reading, now) {
                    clocks.push((track, reading));
                }
            }
        });
        count(whole);
        for (track, reading) in clocks {
            self.tell_clock(source, track, reading, now, sink);
        }
    }

    fn viewer_reports(&mut self, at: usize, now: Instant, compound: &[u8], sink: &mut impl Sink) {
        let Self { sessions, sources, scratch, began, .. } = self;
        let Some(session) = sessions.get_mut(at) else { return };
        let Session { role: Role::Viewer(viewer), line: Some(line), round_trip, .. } = session else {
            return;
        };
        let (mut missing, mut keyframes) = (Vec::new(), Vec::new());
        let whole = read(compound, |report| match report {
            Report::Reception(reception) => {
                let egress = viewer.tracks.iter_mut().find(|it| it.ssrc == reception.ssrc);
                let time = egress.and_then(|egress| egress.read_reception(reception, now));
                *round_trip = time.or(*round_trip);
            }
            Report::Missing { ssrc, first, behind } => {
                let slot = viewer.tracks.iter().position(|it| it.ssrc == ssrc);
                if let Some(slot) = slot.filter(|_| missing.len() < MOST_MISSING) {
                    missing.push(Missing { slot, first, behind });
                }
            }
            Report::Keyframe { ssrc } => {
                if let Some(egress) = viewer.tracks.iter_mut().find(|it| it.ssrc == ssrc) {
                    egress.keyframes_requested += 1;
                    if !keyframes.contains(&egress.of) {
                        keyframes.push(egress.of);
                    }
                }
            }
            Report::Arrived(arrived) => {
                let count = arrived.missing();
                metrics::counter!("veza_stream_viewer_missing_packets_total").increment(count.into());
            }
            Report::Sender { .. } | Report::Goodbye { .. } => {}
        });
        count(whole);
        let source = viewer.source;
        let id = sources.get(source).map(|source| source.session);
        let sent_at = SendTime::new(*began, now);
        for Missing { slot, first, behind } in missing {
            let Some(egress) = viewer.tracks.get_mut(slot) else { continue };
            let track = sources.get(source).and_then(|source| source.tracks.get(egress.of));
            let Some(track) = track else { continue };
            let missing: Vec<u16> = numbers(first, behind)
                .filter(|sequence| egress.misses(*sequence, now, *round_trip))
                .collect();
            egress.resend(line, &track.ring, missing.into_iter(), sent_at, scratch, sink);
        }
        for track in keyframes {
            if let Some(id) = id {
                self.want_keyframe(id, track);
            }
        }
    }

    /// Tells viewers, recorders and other shards what a publisher's clock shows.
    pub(super) fn tell_clock(
        &mut self,
        source: usize,
        track: usize,
        reading: ClockReading,
        now: Instant,
        sink: &mut impl Sink,
    ) {
        let Self { sources, sessions, compound, around, .. } = self;
        let Some(source) = sources.get_mut(source) else { return };
        source.tap(&Tapped::Clock { track, reading, arrived: now });
        for shard in &source.shards {
            (around.tell)(*shard, Message::Clock(source.session, track, reading));
        }
        let Some(track) = source.tracks.get_mut(track) else { return };
        track.clock = Some(reading);
        for (viewer, slot) in &track.viewers {
            let Some(session) = sessions.get_mut(*viewer) else { continue };
            let Role::Viewer(viewer) = &mut session.role else { continue };
            if let Some(egress) = viewer.tracks.get_mut(*slot).filter(|egress| !egress.waits()) {
                egress.report(compound, reading, now);
                session.tell(compound, sink);
            }
        }
    }

    /// Tells a new viewer what the publisher's clocks show.
    pub(super) fn tell_clocks(&mut self, viewer: usize, now: Instant, sink: &mut impl Sink) {
        let Self { sources, sessions, compound, .. } = self;
        let Some(session) = sessions.get_mut(viewer) else { return };
        let Role::Viewer(watched) = &mut session.role else { return };
        let Some(source) = sources.get(watched.source) else { return };
        for egress in watched.tracks.iter_mut().filter(|egress| !egress.is_left()) {
            if let Some(reading) = source.tracks.get(egress.of).and_then(|track| track.clock) {
                egress.report(compound, reading, now);
            }
        }
        session.tell(compound, sink);
    }

    /// Tells publishers what is due.
    pub(super) fn tell_publishers(&mut self, now: Instant, sink: &mut impl Sink) {
        let Self { sources, sessions, ids, compound, number, .. } = self;
        for (_, source) in sources.iter().filter(|(_, source)| source.owner == *number) {
            let Some(session) = ids.get(&source.session).and_then(|at| sessions.get_mut(*at)) else {
                continue;
            };
            let round_trip: Option<Duration> = session.round_trip;
            if let (true, Role::Publisher(publisher)) = (session.line.is_some(), &mut session.role) {
                publisher.feedback(now, round_trip, compound);
                session.tell(compound, sink);
            }
        }
    }
}

/// The numbers of a request: one, and which of the sixteen behind it.
fn numbers(first: u16, behind: u16) -> impl Iterator<Item = u16> {
    let others =
        (0..16).filter(move |bit| behind & (1 << bit) != 0).map(move |bit| first.wrapping_add(bit + 1));
    std::iter::once(first).chain(others)
}

fn count(whole: bool) {
    if !whole {
        metrics::counter!("veza_stream_refused_packets_total", "reason" => "malformed").increment(1);
    }
}
