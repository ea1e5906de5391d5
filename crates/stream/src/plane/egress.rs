//! A track as it goes to one viewer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ingest::middle;
use super::resent::Resent;
use super::ring::Ring;
use super::route::{Route, Sink};
use super::succession::Left;
use crate::extension::{Extension, ExtensionMap};
use crate::packet::{ClockReading, Packet};
use crate::rtcp::{Compound, Reception};
use crate::rtp::{HeaderWriter, MAX_HEADER};
use crate::srtp::{Sealer, nearest};
use crate::track::Track;

/// Bytes of datagrams that are built before they are sent; what one call to the system may carry.
pub(crate) const SCRATCH: usize = 64 * 1024;
/// Datagrams are made equally long by so much padding, so that one call sends them all.
const PADDING: usize = 32;
/// Bytes that may be sent again without new ones being sent in between.
const RESENT_BURST: u64 = 128 * 1024;
/// What sending one again may take of that.
const LONGEST: u64 = 1_500;

/// What all tracks of a viewer share.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) route: Route,
    pub(crate) sealer: Sealer,
    /// Numbers over all packets, for feedback.
    pub(crate) sequence: u16,
    pub(crate) bytes_sent: u64,
}

impl Line {
    /// Sends `bytes`, cut into datagrams of `segment` bytes.
    pub(crate) fn send(&mut self, segment: usize, bytes: &[u8], sink: &mut impl Sink) {
        sink.send(&self.route, segment, bytes);
        self.bytes_sent += u64::try_from(bytes.len()).unwrap_or_default();
    }
}

/// A track as it goes to one viewer.
#[derive(Debug)]
pub(crate) struct Egress {
    /// Which of the source's tracks.
    pub(crate) of: usize,
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    pub(crate) ssrc: u32,
    rtx_ssrc: u32,
    /// The publisher's number of the first packet that is sent; nothing before it is.
    first: Option<u64>,
    /// What is added to the publisher's numbers.
    offset: u64,
    highest: u64,
    /// What is added to the publisher's timestamps.
    shift: u32,
    /// Where the publisher before this one left it, until something of this one is sent.
    left: Option<Left>,
    rtx_next: u64,
    resendable: u64,
    again: Resent,
    transport_id: Option<u8>,
    send_time_id: Option<u8>,
    extensions: ExtensionMap,
    pub(crate) track: Track,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) nacked: u64,
    pub(crate) resent: u64,
    pub(crate) keyframes_requested: u64,
    pub(crate) reception: Option<Reception>,
    /// The last report that was sent, and when.
    reported: Option<(u32, Instant)>,
}

impl Egress {
    /// `seed` is random; numbers begin in the lower half, so that the other side does not count a round too many.
    pub(crate) fn new(track: Track, of: usize, seed: [u8; 4]) -> Self {
        let [s0, s1, r0, r1] = seed;
        let feedback = track.feedback.transport_cc;
        let transport_id = track.extensions.id(Extension::TransportCc).filter(|_| feedback);
        Self {
            of,
            payload_type: track.payload_type,
            rtx_payload_type: track.rtx_payload_type,
            ssrc: track.ssrc.unwrap_or_default(),
            rtx_ssrc: track.rtx_ssrc.unwrap_or_default(),
            first: None,
            offset: u64::from(u16::from_be_bytes([s0, s1]) & 0x7fff),
            highest: 0,
            shift: 0,
            left: None,
            rtx_next: u64::from(u16::from_be_bytes([r0, r1]) & 0x7fff),
            resendable: RESENT_BURST,
            again: Resent::default(),
            transport_id,
            send_time_id: track.extensions.id(Extension::AbsSendTime).filter(|_| transport_id.is_none()),
            extensions: track.extensions.clone(),
            track,
            packets: 0,
            bytes: 0,
            nacked: 0,
            resent: 0,
            keyframes_requested: 0,
            reception: None,
            reported: None,
        }
    }

    /// Whether it waits for a key frame to begin with.
    pub(crate) fn waits(&self) -> bool {
        self.first.is_none()
    }

    /// Shows another publisher's track, behind what was sent: from where packets of the last one were `left`.
    pub(crate) fn follow(&mut self, of: usize, left: Left) {
        self.of = of;
        if self.first.take().is_some() {
            self.left = Some(Left { timestamp: left.timestamp.wrapping_add(self.shift), ..left });
        }
    }

    /// Whether what it shows is between two publishers.
    pub(crate) fn is_left(&self) -> bool {
        self.left.is_some()
    }

    /// Sends packets that belong together, in as few calls as can be. Nothing is sent before a packet that decoding can
    /// begin at.
    pub(crate) fn send(
        &mut self,
        line: &mut Line,
        burst: &[Arc<Packet>],
        now: SendTime,
        scratch: &mut [u8],
        sink: &mut impl Sink,
    ) {
        let mut batch = Batch::default();
        let longest = burst.iter().map(|packet| packet.payload.len()).max().unwrap_or_default();
        for packet in burst {
            if !self.begins(packet) {
                continue;
            }
            let Some((length, padding)) = self.write(line, packet, longest, now, batch.end, scratch) else {
                continue;
            };
            // One that differs in length begins another batch; a shorter one may end this.
            if batch.count > 0 && (length > batch.segment || batch.count >= sink.max_segments()) {
                batch.flush_before(length, line, scratch, sink);
            }
            batch.take(length);
            self.packets += 1;
            self.bytes += u64::try_from(packet.payload.len()).unwrap_or_default();
            self.resendable =
                (self.resendable + u64::try_from(length - padding).unwrap_or_default() / 2).min(RESENT_BURST);
            if length < batch.segment || scratch.len() - batch.end < MAX_HEADER + 2_048 {
                batch.flush(line, scratch, sink);
            }
        }
        batch.flush(line, scratch, sink);
    }

    /// Whether the packet is to be sent: from the first on that decoding can begin at.
    fn begins(&mut self, packet: &Packet) -> bool {
        match self.first {
            Some(first) => packet.index >= first,
            None if packet.keyframe => {
                self.first = Some(packet.index);
                let next = match self.left.take() {
                    Some(left) => {
                        let resumed = left.resumed(packet.arrived, self.track.codec.clock_rate());
                        self.shift = resumed.wrapping_sub(packet.timestamp);
                        self.highest + 1
                    }
                    None => self.offset,
                };
                self.offset = next.wrapping_sub(packet.index);
                true
            }
            None => false,
        }
    }

    /// Writes a packet at `at`. Gives its length and how much of that is padding.
    fn write(
        &mut self,
        line: &mut Line,
        packet: &Packet,
        longest: usize,
        now: SendTime,
        at: usize,
        scratch: &mut [u8],
    ) -> Option<(usize, usize)> {
        let index = packet.index.wrapping_add(self.offset);
        self.highest = self.highest.max(index);
        let room = scratch.get_mut(at..)?;
        let sequence = low(index);
        let mut header = HeaderWriter::new(
            room,
            self.payload_type,
            packet.marker,
            sequence,
            self.time(packet),
            self.ssrc,
        )?;
        self.extend(&mut header, line, packet, now);
        let shorter = longest.saturating_sub(packet.payload.len());
        let pads = shorter > 0 && shorter <= PADDING && !packet.marker;
        if pads {
            header.padded();
        }
        let header = header.end();
        // Zeros, and how many there are (RFC 3550 section 5.1).
        let mut padding = [0; PADDING];
        let padding = padding.get_mut(..if pads { shorter } else { 0 })?;
        if let Some(last) = padding.last_mut() {
            *last = u8::try_from(shorter).unwrap_or_default();
        }
        let length = header + packet.payload.len() + padding.len() + line.sealer.tag();
        let whole = room.get_mut(..length)?;
        line.sealer.seal(whole, header, [&packet.payload, padding], self.ssrc, index).ok()?;
        Some((length, padding.len()))
    }

    fn time(&self, packet: &Packet) -> u32 {
        packet.timestamp.wrapping_add(self.shift)
    }

    fn extend(&self, header: &mut HeaderWriter<'_>, line: &mut Line, packet: &Packet, now: SendTime) {
        if let Some(id) = self.transport_id {
            header.extension(id, &line.sequence.to_be_bytes());
            line.sequence = line.sequence.wrapping_add(1);
        }
        if let Some(id) = self.send_time_id {
            header.extension(id, &now.0);
        }
        for (extension, bytes) in &packet.extensions {
            if let Some(id) = self.extensions.id(*extension) {
                header.extension(id, bytes);
            }
        }
    }

    /// Notes that the viewer misses a packet. Answers whether it is to be sent again, and not on its way already.
    pub(crate) fn misses(&mut self, sequence: u16, now: Instant, round_trip: Option<Duration>) -> bool {
        self.nacked += 1;
        self.resendable >= LONGEST && self.again.may(nearest(self.highest, sequence), now, round_trip)
    }

    /// Sends again what the viewer misses (RFC 4588), as far as it is still there. A packet is never sealed twice under its own
    /// number: where the viewer knows no retransmissions it gets none.
    pub(crate) fn resend(
        &mut self,
        line: &mut Line,
        ring: &Ring,
        missing: impl Iterator<Item = u16>,
        now: SendTime,
        scratch: &mut [u8],
        sink: &mut impl Sink,
    ) {
        let Some(payload_type) = self.rtx_payload_type else { return };
        for sequence in missing {
            if self.resendable < LONGEST {
                break;
            }
            let index = nearest(self.highest, sequence).wrapping_sub(self.offset);
            let Some(packet) = ring.get(index).filter(|_| self.first.is_some_and(|first| index >= first))
            else {
                continue;
            };
            let Some(length) = self.write_again(line, packet, payload_type, sequence, now, scratch) else {
                continue;
            };
            self.resendable = self.resendable.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
            self.resent += 1;
            line.send(length, scratch.get(..length).unwrap_or_default(), sink);
        }
    }

    fn write_again(
        &mut self,
        line: &mut Line,
        packet: &Packet,
        payload_type: u8,
        sequence: u16,
        now: SendTime,
        scratch: &mut [u8],
    ) -> Option<usize> {
        let index = self.rtx_next;
        let mut header = HeaderWriter::new(
            scratch,
            payload_type,
            packet.marker,
            low(index),
            self.time(packet),
            self.rtx_ssrc,
        )?;
        self.extend(&mut header, line, packet, now);
        let header = header.end();
        let mut payload = Vec::with_capacity(packet.payload.len() + 2);
        payload.extend(sequence.to_be_bytes());
        payload.extend(&packet.payload);
        let length = header + payload.len() + line.sealer.tag();
        let whole = scratch.get_mut(..length)?;
        line.sealer.seal(whole, header, [&payload, &[]], self.rtx_ssrc, index).ok()?;
        self.rtx_next += 1;
        Some(length)
    }

    /// Tells the viewer what the publisher's clock shows, so that sound and pictures go together.
    pub(crate) fn report(&mut self, compound: &mut Compound, reading: ClockReading, now: Instant) {
        self.reported = Some((middle(reading.ntp), now));
        let packets = u32::try_from(self.packets & 0xffff_ffff).unwrap_or_default();
        let bytes = u32::try_from(self.bytes & 0xffff_ffff).unwrap_or_default();
        let timestamp = reading.timestamp.wrapping_add(self.shift);
        compound.sender(self.ssrc, reading.ntp, timestamp, packets, bytes);
        compound.name(self.ssrc, "veza");
    }

    /// Takes in how the viewer receives it. Gives how long a packet is on its way there and back, if that can be told
    /// (RFC 3550 section 6.4.1).
    pub(crate) fn read_reception(&mut self, reception: Reception, now: Instant) -> Option<Duration> {
        self.reception = Some(reception);
        let (_, at) = self.reported.filter(|(report, _)| *report == reception.last_report && *report != 0)?;
        let held = Duration::from_micros(u64::from(reception.delay) * 1_000_000 / 65_536);
        now.saturating_duration_since(at).checked_sub(held)
    }
}

/// Datagrams that stand in the buffer, one behind the other.
#[derive(Default)]
struct Batch {
    end: usize,
    segment: usize,
    count: usize,
}

impl Batch {
    fn take(&mut self, length: usize) {
        if self.count == 0 {
            self.segment = length;
        }
        self.end += length;
        self.count += 1;
    }

    fn flush(&mut self, line: &mut Line, scratch: &[u8], sink: &mut impl Sink) {
        if let Some(bytes) = scratch.get(..self.end).filter(|bytes| !bytes.is_empty()) {
            line.send(self.segment, bytes, sink);
        }
        *self = Self::default();
    }

    /// Sends what there is, and moves the datagram that was written behind it to the beginning.
    fn flush_before(&mut self, length: usize, line: &mut Line, scratch: &mut [u8], sink: &mut impl Sink) {
        let begin = self.end;
        self.flush(line, scratch, sink);
        scratch.copy_within(begin..begin + length, 0);
    }
}

/// The moment of sending, in the 24 bits that `abs-send-time` has: seconds in the upper six.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendTime([u8; 3]);

impl SendTime {
    pub(crate) fn new(began: Instant, now: Instant) -> Self {
        let since = now.saturating_duration_since(began);
        let fixed = (since.as_micros() << 18) / Duration::from_secs(1).as_micros();
        let [.., a, b, c] = fixed.to_be_bytes();
        Self([a, b, c])
    }
}

fn low(index: u64) -> u16 {
    u16::try_from(index & 0xffff).unwrap_or_default()
}
