//! A track as it comes from its publisher.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::losses::Losses;
use crate::codec::Kind;
use crate::extension::Extension;
use crate::packet::{ClockReading, MAX_PASSED_ON, Packet};
use crate::rtcp::Reception;
use crate::rtp::{Header, begins_keyframe};
use crate::srtp::nearest;
use crate::track::Track;

/// A key frame is asked for no more often than this, whoever wants one.
const KEYFRAMES: Duration = Duration::from_secs(1);

/// What its clock shows is passed on no more often: one text could hold thousands of readings, and each viewer gets each.
const CLOCKS: Duration = Duration::from_millis(200);

/// What is known of a publisher's track.
#[derive(Debug)]
pub(crate) struct Ingest {
    pub(crate) track: Track,
    /// The sources, once they are known.
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) losses: Losses,
    first: Option<u64>,
    highest: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) lost: u64,
    pub(crate) nacked: u64,
    pub(crate) retransmitted: u64,
    pub(crate) keyframes_requested: u64,
    /// Interarrival jitter in ticks, sixteen times (RFC 3550 appendix A.8).
    jitter: u64,
    transit: Option<i64>,
    began: Instant,
    /// Counted at the last report.
    reported: (u64, u64),
    clock: Option<(ClockReading, Instant)>,
    clock_passed_on: Option<Instant>,
    wanted: bool,
    asked_at: Option<Instant>,
}

impl Ingest {
    pub(crate) fn new(track: Track, now: Instant) -> Self {
        Self {
            ssrc: track.ssrc,
            rtx_ssrc: track.rtx_ssrc,
            track,
            losses: Losses::default(),
            first: None,
            highest: 0,
            packets: 0,
            bytes: 0,
            lost: 0,
            nacked: 0,
            retransmitted: 0,
            keyframes_requested: 0,
            jitter: 0,
            transit: None,
            began: now,
            reported: (0, 0),
            clock: None,
            clock_passed_on: None,
            wanted: false,
            asked_at: None,
        }
    }

    /// Takes a packet of the track itself. `packet` holds header and payload, opened.
    pub(crate) fn take(
        &mut self,
        header: &Header,
        index: u64,
        packet: &[u8],
        now: Instant,
    ) -> Option<Arc<Packet>> {
        let payload = packet.get(header.length..header.payload_end(packet)?)?;
        self.packets += 1;
        self.bytes += u64::try_from(payload.len()).unwrap_or_default();
        self.measure(header.timestamp, now);
        self.note(index, now);
        Some(self.packet(header, index, payload, packet, now))
    }

    /// Takes a retransmission (RFC 4588 section 4): the number of the packet stands before its payload.
    pub(crate) fn take_again(&mut self, header: &Header, packet: &[u8], now: Instant) -> Option<Arc<Packet>> {
        let payload = packet.get(header.length..header.payload_end(packet)?)?;
        // Nothing but padding probes how much the way carries.
        let (number, payload) = payload.split_first_chunk::<2>()?;
        self.first?;
        let index = nearest(self.highest, u16::from_be_bytes(*number));
        // Nothing is sent again before it was sent, and the numbers of others must not be led away.
        if index > self.highest {
            return None;
        }
        self.retransmitted += 1;
        self.note(index, now);
        Some(self.packet(header, index, payload, packet, now))
    }

    fn packet(
        &self,
        header: &Header,
        index: u64,
        payload: &[u8],
        packet: &[u8],
        now: Instant,
    ) -> Arc<Packet> {
        Arc::new(Packet {
            index,
            timestamp: header.timestamp,
            marker: header.marker,
            keyframe: begins_keyframe(self.track.codec, payload),
            arrived: now,
            extensions: self.passed_on(header, packet),
            payload: payload.into(),
        })
    }

    fn passed_on(&self, header: &Header, packet: &[u8]) -> Vec<(Extension, Box<[u8]>)> {
        let mut room = MAX_PASSED_ON;
        let known = header.extensions(packet).filter_map(|(id, bytes)| {
            let extension = self.track.extensions.extension(id).filter(|it| it.is_passed_on())?;
            room = room.checked_sub(bytes.len() + 1)?;
            // Longer ones need the form of two bytes, which viewers were not offered.
            ((1..=16).contains(&bytes.len())).then(|| (extension, bytes.into()))
        });
        known.collect()
    }

    fn note(&mut self, index: u64, now: Instant) {
        let first = *self.first.get_or_insert(index);
        self.first = Some(first.min(index));
        self.highest = self.highest.max(index);
        if self.losses.note(index, now) {
            self.wanted = true;
        }
    }

    /// RFC 3550 appendix A.8.
    fn measure(&mut self, timestamp: u32, now: Instant) {
        let rate = u128::from(self.track.codec.clock_rate());
        let ticks = now.saturating_duration_since(self.began).as_micros() * rate / 1_000_000;
        // The difference counts, so only its lower 32 bits matter.
        let arrival = u32::try_from(ticks & 0xffff_ffff).unwrap_or_default();
        let transit = i64::from(arrival.wrapping_sub(timestamp));
        if let Some(last) = self.transit {
            let delta = (transit - last).unsigned_abs();
            let delta = delta.min(0x1_0000_0000 - delta.min(0x1_0000_0000));
            self.jitter = self.jitter + delta - ((self.jitter + 8) >> 4).min(self.jitter + delta);
        }
        self.transit = Some(transit);
    }

    /// Interarrival jitter in milliseconds.
    pub(crate) fn jitter_ms(&self) -> f64 {
        let ticks = u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX);
        f64::from(ticks) * 1_000.0 / f64::from(self.track.codec.clock_rate())
    }

    /// Notes what the publisher said about its clock. Answers whether that is to be passed on.
    pub(crate) fn read_clock(&mut self, reading: ClockReading, now: Instant) -> bool {
        self.clock = Some((reading, now));
        let is_due = self.clock_passed_on.is_none_or(|at| now.saturating_duration_since(at) >= CLOCKS);
        if is_due {
            self.clock_passed_on = Some(now);
        }
        is_due
    }

    /// What the publisher is told of the track.
    pub(crate) fn reception(&mut self, now: Instant) -> Option<Reception> {
        let (ssrc, first) = (self.ssrc?, self.first?);
        let expected = self.highest - first + 1;
        let (expected_before, packets_before) = self.reported;
        let came = self.packets + self.retransmitted;
        self.reported = (expected, came);
        let (of, got) = (expected - expected_before.min(expected), came - packets_before);
        let fraction = (of.saturating_sub(got) * 256).checked_div(of).unwrap_or_default();
        let (last_report, delay) = self.clock.map_or((0, 0), |(reading, at)| {
            let since = now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
            (middle(reading.ntp), u32::try_from(since).unwrap_or(u32::MAX))
        });
        Some(Reception {
            ssrc,
            fraction: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: i32::try_from(expected.saturating_sub(came)).unwrap_or(i32::MAX),
            highest: u32::try_from(self.highest & 0xffff_ffff).unwrap_or_default(),
            jitter: u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX),
            last_report,
            delay,
        })
    }

    /// Somebody needs a key frame.
    pub(crate) fn want_keyframe(&mut self) {
        self.wanted = true;
    }

    /// Whether one has to be asked for now.
    pub(crate) fn asks_for_keyframe(&mut self, now: Instant) -> bool {
        let is_free = self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= KEYFRAMES);
        let asks = self.wanted && is_free && self.track.codec.kind() == Kind::Video;
        if asks {
            (self.wanted, self.asked_at) = (false, Some(now));
            self.keyframes_requested += 1;
        }
        asks
    }
}

/// The middle of an NTP time, as reports name it.
pub(crate) fn middle(ntp: u64) -> u32 {
    u32::try_from((ntp >> 16) & 0xffff_ffff).unwrap_or_default()
}
