//! A session that publishes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ingest::Ingest;
use crate::codec::Kind;
use crate::extension::Extension;
use crate::packet::Packet;
use crate::rtcp::{Arrivals, Compound, Reception};
use crate::rtp::Header;
use crate::track::Track;

/// Between two reports of how it is received.
const REPORTS: Duration = Duration::from_secs(1);

/// What is known of a publisher.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Where what it publishes stands.
    pub(crate) source: usize,
    pub(crate) tracks: Vec<Ingest>,
    arrivals: Arrivals,
    /// Our own source, of reports.
    own: u32,
    next_arrivals: Instant,
    next_report: Instant,
    /// Numbers of requests for key frames.
    requests: u8,
}

impl Publisher {
    pub(crate) fn new(source: usize, tracks: Vec<Track>, own: u32, now: Instant) -> Self {
        Self {
            source,
            tracks: tracks.into_iter().map(|track| Ingest::new(track, now)).collect(),
            arrivals: Arrivals::new(now),
            own,
            next_arrivals: now,
            next_report: now,
            requests: 0,
        }
    }

    /// Takes a packet, opened. Gives the track that it belongs to and what is to be forwarded.
    pub(crate) fn take(
        &mut self,
        header: &Header,
        index: u64,
        packet: &[u8],
        now: Instant,
    ) -> Option<(usize, Arc<Packet>)> {
        let (at, again) = self.place(header, packet)?;
        let ingest = self.tracks.get_mut(at)?;
        if let Some(id) = ingest.track.extensions.id(Extension::TransportCc) {
            let number = header.extensions(packet).find(|(other, _)| *other == id);
            if let Some(number) = number.and_then(|(_, bytes)| bytes.first_chunk::<2>()) {
                self.arrivals.note(u16::from_be_bytes(*number), now);
            }
        }
        let packet = if again {
            ingest.take_again(header, packet, now)?
        } else {
            ingest.take(header, index, packet, now)?
        };
        Some((at, packet))
    }

    /// Finds the track that a packet belongs to, and whether it is a retransmission: by its source, else by what its
    /// media section is called, else by its payload type (RFC 9143 section 9.2).
    fn place(&mut self, header: &Header, packet: &[u8]) -> Option<(usize, bool)> {
        let ssrc = Some(header.ssrc);
        if let Some(at) = self.tracks.iter().position(|it| it.ssrc == ssrc) {
            return (self.tracks.get(at)?.track.payload_type == header.payload_type).then_some((at, false));
        }
        if let Some(at) = self.tracks.iter().position(|it| it.rtx_ssrc == ssrc) {
            return Some((at, true));
        }
        let says = |it: &Ingest| {
            let id = it.track.extensions.id(Extension::Mid)?;
            let (_, mid) = header.extensions(packet).find(|(other, _)| *other == id)?;
            Some(mid == it.track.mid.as_bytes())
        };
        let knows = |it: &Ingest| {
            let types = [Some(it.track.payload_type), it.track.rtx_payload_type];
            types.contains(&Some(header.payload_type)) && says(it).unwrap_or(true)
        };
        let mut places = self.tracks.iter().enumerate().filter(|(_, it)| knows(it)).map(|(at, _)| at);
        let at = places.next().filter(|_| places.next().is_none())?;
        let ingest = self.tracks.get_mut(at)?;
        let again = ingest.track.rtx_payload_type == Some(header.payload_type);
        // A source that was announced is not another one.
        let known = if again { &mut ingest.rtx_ssrc } else { &mut ingest.ssrc };
        if known.is_some() {
            return None;
        }
        *known = ssrc;
        Some((at, again))
    }

    /// The track whose source this is.
    pub(crate) fn track_of(&self, ssrc: u32) -> Option<usize> {
        self.tracks.iter().position(|it| it.ssrc == Some(ssrc))
    }

    /// Writes what has to be told now: what is missing, which key frames are wanted, when packets came.
    pub(crate) fn feedback(&mut self, now: Instant, round_trip: Option<Duration>, compound: &mut Compound) {
        let (own, mut asks) = (self.own, false);
        let reports = now >= self.next_report;
        let receptions: Vec<Reception> = if reports {
            self.next_report = now + REPORTS;
            self.tracks.iter_mut().filter_map(|it| it.reception(now)).collect()
        } else {
            Vec::new()
        };
        compound.receiver(own, &receptions);
        for ingest in &mut self.tracks {
            let Some(ssrc) = ingest.ssrc else { continue };
            let due = ingest.losses.due(now, round_trip);
            ingest.lost += due.lost;
            if due.lost > 0 && ingest.track.codec.kind() == Kind::Video {
                ingest.want_keyframe();
            }
            if ingest.track.feedback.nack && !due.ask.is_empty() {
                ingest.nacked += u64::try_from(due.ask.len()).unwrap_or_default();
                compound.nack(own, ssrc, &due.ask);
                asks = true;
            }
            if ingest.asks_for_keyframe(now) {
                asks = true;
                if ingest.track.feedback.pli || !ingest.track.feedback.fir {
                    compound.pli(own, ssrc);
                } else {
                    self.requests = self.requests.wrapping_add(1);
                    compound.fir(own, ssrc, self.requests);
                }
            }
        }
        let before = compound.bytes.len();
        if now >= self.next_arrivals {
            self.next_arrivals = now + Arrivals::EVERY;
            let ssrc = self.tracks.iter().find_map(|it| it.ssrc).unwrap_or_default();
            self.arrivals.report(&mut compound.bytes, own, ssrc);
        }
        if !asks && !reports && compound.bytes.len() == before {
            compound.clear();
        }
    }
}
