//! A viewer: it counts, checks and reports.

use super::arrivals::Arrivals;
use super::link::{Got, Identity, Link};
use super::track::{Counts, Track};
use crate::Outcome;
use crate::machine::nanos;

/// One packet of so many is decrypted, its tag checked and its delay measured.
const SAMPLE: u64 = 16;
/// Where the moment of sending stands in a payload of sound and of pictures.
pub const STAMP: [usize; 2] = [0, 16];

/// What all viewers measure.
#[derive(Default)]
pub struct Measured {
    pub counts: Counts,
    /// Microseconds from the publisher's sending to here.
    pub delays: Vec<u32>,
    /// Milliseconds from the first check to the first packet of media.
    pub joins: Vec<f64>,
    /// Nanoseconds in which there was nothing to do.
    pub idle: u64,
}

pub struct Viewer {
    pub link: Link,
    number: u64,
    tracks: [Track; 2],
    rtx: u32,
    transport_cc: Option<u8>,
    arrivals: Arrivals,
    /// How often it was visited.
    turns: u64,
    pub joined: bool,
    loses: u64,
    came: u64,
}

impl Viewer {
    pub fn new(link: Link, number: usize, loses: u64) -> Self {
        let media = |video: bool| link.peer().media.iter().find(|media| media.is_video == video);
        let video = media(true);
        let repairs = video.is_some_and(|video| video.rtx_payload_type.is_some());
        let tracks = [
            Track::new(media(false).and_then(|audio| audio.ssrc), false),
            Track::new(video.and_then(|video| video.ssrc), repairs),
        ];
        Self {
            rtx: video.and_then(|video| video.rtx_ssrc).unwrap_or_default(),
            transport_cc: video.and_then(|video| video.transport_cc),
            link,
            number: number as u64,
            tracks,
            arrivals: Arrivals::default(),
            turns: number as u64,
            joined: false,
            loses,
            came: number as u64,
        }
    }

    pub fn take(
        &mut self,
        identity: &Identity,
        datagram: &[u8],
        now: u64,
        measured: &mut Measured,
    ) -> Outcome {
        match self.link.take(identity, datagram)? {
            Got::Media => self.media(datagram, now, measured),
            Got::Reports => self.reports(datagram, now),
            Got::Nothing | Got::Open => Ok(()),
        }
    }

    fn media(&mut self, packet: &[u8], now: u64, measured: &mut Measured) -> Outcome {
        let Some(header) = Header::read(packet, self.transport_cc) else { return Err("no RTP".into()) };
        self.came += 1;
        if self.came.checked_rem(self.loses) == Some(0) {
            return Ok(());
        }
        if let Some(number) = header.transport {
            self.arrivals.note(number, now);
        }
        if !self.joined {
            self.joined = true;
            measured.joins.push((now - self.link.began) as f64 / 1e6);
        }
        let counts = &mut measured.counts;
        counts.packets += 1;
        counts.bytes += packet.len() as u64;
        if header.ssrc == self.rtx {
            return self.repaired(packet, &header, now, counts);
        }
        let Some(which) = self.tracks.iter().position(|track| track.ssrc == header.ssrc) else {
            return Err(format!("an unknown source {}", header.ssrc).into());
        };
        let number = self.tracks[which].take(header.sequence, now, false, counts);
        if number % SAMPLE != self.number % SAMPLE {
            return Ok(());
        }
        counts.checked += 1;
        let Some(Ok(plain)) = self.link.open.as_mut().map(|open| open.decrypt_rtp(packet)) else {
            counts.forged += 1;
            return Ok(());
        };
        let at = header.length + STAMP[which];
        if let Some(stamp) = plain.get(at..at + 8).and_then(|stamp| stamp.try_into().ok()) {
            let delay = nanos().saturating_sub(u64::from_be_bytes(stamp)) / 1_000;
            measured.delays.push(u32::try_from(delay).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// A retransmission begins with the number that the packet had (RFC 4588).
    fn repaired(&mut self, packet: &[u8], header: &Header, now: u64, counts: &mut Counts) -> Outcome {
        counts.checked += 1;
        let plain = self.link.open.as_mut().map(|open| open.decrypt_rtp(packet));
        match plain {
            Some(Ok(plain)) => {
                if let Some([high, low]) = plain.get(header.length..header.length + 2) {
                    self.tracks[1].take(u16::from_be_bytes([*high, *low]), now, true, counts);
                }
            }
            _ => counts.forged += 1,
        }
        Ok(())
    }

    fn reports(&mut self, packet: &[u8], now: u64) -> Outcome {
        let Some(open) = &mut self.link.open else { return Ok(()) };
        let plain = open.decrypt_rtcp(packet)?;
        // A sender report is first in its compound, one compound to a source or with the others behind it.
        let mut rest = &plain[..];
        while let [_, kind, words @ ..] = rest {
            let Some((length, _)) = words.split_first_chunk() else { break };
            let length = (usize::from(u16::from_be_bytes(*length)) + 1) * 4;
            if *kind == 200
                && let Some(report) = rest.get(4..16)
            {
                let ssrc = u32::from_be_bytes([report[0], report[1], report[2], report[3]]);
                let middle = u32::from_be_bytes([report[6], report[7], report[8], report[9]]);
                if let Some(track) = self.tracks.iter_mut().find(|track| track.ssrc == ssrc) {
                    track.note_sender(middle, now);
                }
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    /// What is due each 20 ms: requests at once, `transport-cc` at each fifth turn, a report of receipt at each fiftieth.
    pub fn visit(
        &mut self,
        identity: &Identity,
        now: u64,
        counts: &mut Counts,
        buffer: &mut Vec<u8>,
    ) -> Outcome {
        self.turns += 1;
        if self.turns.is_multiple_of(5) || self.link.open.is_none() {
            self.link.tick(identity, now)?;
        }
        if self.link.open.is_none() {
            return Ok(());
        }
        let own = self.number as u32 + 1;
        buffer.clear();
        if self.turns.is_multiple_of(50) {
            self.receipt(buffer, own, now);
        }
        if self.turns.is_multiple_of(5) && self.transport_cc.is_some() {
            self.arrivals.report(buffer, own, self.tracks[1].ssrc);
        }
        for track in self.tracks.iter_mut().filter(|track| track.is_missing_some()) {
            track.ask(buffer, own, now, counts);
        }
        if buffer.is_empty() { Ok(()) } else { self.link.report(buffer) }
    }

    fn receipt(&mut self, into: &mut Vec<u8>, own: u32, now: u64) {
        let begin = into.len();
        into.extend([0x80, 201, 0, 0]);
        into.extend(own.to_be_bytes());
        let blocks = self.tracks.iter_mut().filter_map(|track| track.block(into, now).then_some(())).count();
        into[begin] |= blocks as u8;
        let words = ((into.len() - begin) / 4 - 1) as u16;
        into[begin + 2..begin + 4].copy_from_slice(&words.to_be_bytes());
    }
}

/// What is read of a packet's header.
struct Header {
    sequence: u16,
    ssrc: u32,
    length: usize,
    transport: Option<u16>,
}

impl Header {
    fn read(packet: &[u8], transport_cc: Option<u8>) -> Option<Self> {
        let fixed: &[u8; 12] = packet.first_chunk()?;
        let sequence = u16::from_be_bytes([fixed[2], fixed[3]]);
        let ssrc = u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]);
        let mut length = 12 + usize::from(fixed[0] & 15) * 4;
        let mut transport = None;
        if fixed[0] & 0x10 != 0 {
            let head: &[u8; 4] = packet.get(length..)?.first_chunk()?;
            let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let mut rest = packet.get(length + 4..length + 4 + words * 4)?;
            length += 4 + words * 4;
            while let [first, behind @ ..] = rest {
                let size = if *first == 0 { 0 } else { usize::from(first & 15) + 1 };
                if Some(first >> 4) == transport_cc && size == 2 {
                    transport = behind.first_chunk().map(|number| u16::from_be_bytes(*number));
                }
                rest = behind.get(size..)?;
            }
        }
        Some(Self { sequence, ssrc, length, transport })
    }
}
