//! The publisher: VP8 in 25 frames and Opus in 50 packets a second. The codecs' headers are real, what they say is not.

use std::collections::VecDeque;

use super::link::{Got, Identity, Link};
use super::viewer::STAMP;
use crate::Outcome;
use crate::machine::nanos;
use crate::sdp::{AUDIO, VIDEO};

const FRAME: u64 = 40_000_000;
const SOUND: u64 = 20_000_000;
/// Sound is so much behind pictures: their clocks have nothing to do with each other.
const BEHIND: u64 = 7_000_000;
/// Frames from one key frame to the next.
const GROUP: u64 = 50;
/// A key frame is so many times as large as the others are on average.
const KEY: f64 = 6.0;
/// Bytes of payload of one packet.
const MOST: usize = 1_150;
/// Sealed packets that are kept to be sent again.
const KEPT: usize = 512;

pub const SOURCES: [u32; 3] = [0x0a0a_0001, 0x0a0a_0002, 0x0a0a_0003];

pub struct Publisher {
    pub link: Link,
    kilobits: u64,
    paced: bool,
    began: u64,
    frames: u64,
    sounds: u64,
    next_report: u64,
    sequences: [u16; 2],
    sent: [(u32, u32); 2],
    transport: u16,
    random: u64,
    picture: u16,
    key_wanted: bool,
    queue: VecDeque<(u64, Draft)>,
    kept: VecDeque<(u16, Vec<u8>)>,
    pub asked: u64,
    pub keyframes: u64,
}

/// A packet that waits for its moment.
struct Draft {
    which: usize,
    marker: bool,
    timestamp: u32,
    payload: Vec<u8>,
}

impl Publisher {
    pub fn new(link: Link, kilobits: u64, paced: bool) -> Self {
        Self {
            link,
            kilobits,
            paced,
            began: 0,
            frames: 0,
            sounds: 0,
            next_report: 0,
            sequences: [1_000, 2_000],
            sent: [(0, 0); 2],
            transport: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            picture: 0,
            key_wanted: false,
            queue: VecDeque::new(),
            kept: VecDeque::new(),
            asked: 0,
            keyframes: 0,
        }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Takes a datagram of the server.
    pub fn take(&mut self, identity: &Identity, datagram: &[u8]) -> Outcome {
        match self.link.take(identity, datagram)? {
            Got::Open => self.began = nanos(),
            Got::Reports => self.reports(datagram)?,
            Got::Media | Got::Nothing => {}
        }
        Ok(())
    }

    fn reports(&mut self, packet: &[u8]) -> Outcome {
        let Some(open) = &mut self.link.open else { return Ok(()) };
        let plain = open.decrypt_rtcp(packet)?;
        let mut rest = &plain[..];
        while let [format, kind, words @ ..] = rest {
            let Some((length, _)) = words.split_first_chunk() else { break };
            let length = (usize::from(u16::from_be_bytes(*length)) + 1) * 4;
            let body = rest.get(12..length).unwrap_or_default();
            match (kind, format & 31) {
                (206, 1 | 4) => self.key_wanted = true,
                (205, 1) => self.again(body),
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    fn again(&mut self, body: &[u8]) {
        for item in body.as_chunks::<4>().0 {
            let (first, behind) =
                (u16::from_be_bytes([item[0], item[1]]), u16::from_be_bytes([item[2], item[3]]));
            for number in 0..17_u16 {
                if number > 0 && behind & 1 << (number - 1) == 0 {
                    continue;
                }
                self.asked += 1;
                let wanted = first.wrapping_add(number);
                if let Some((_, packet)) = self.kept.iter().find(|(sequence, _)| *sequence == wanted) {
                    let _lost = self.link.socket.send(packet);
                }
            }
        }
    }

    /// Sends what is due. Gives when it is to be called again.
    pub fn tick(&mut self, identity: &Identity, now: u64) -> Outcome<u64> {
        self.link.tick(identity, now)?;
        if self.link.open.is_none() {
            return Ok(now + 1_000_000);
        }
        while now >= self.began + BEHIND + self.sounds * SOUND {
            let payload = 80 + (self.random() % 81) as usize;
            let timestamp = (self.sounds * 960) as u32;
            self.sounds += 1;
            self.queue.push_front((
                now,
                Draft { which: 0, marker: false, timestamp, payload: vec![0x78; payload] },
            ));
        }
        while now >= self.began + self.frames * FRAME {
            self.frame(now);
            self.frames += 1;
        }
        while self.queue.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, draft)) = self.queue.pop_front() {
                self.send(draft)?;
            }
        }
        if now >= self.next_report {
            self.next_report = now + 1_000_000_000;
            self.report(now)?;
        }
        let next = (self.began + BEHIND + self.sounds * SOUND).min(self.began + self.frames * FRAME);
        Ok(self.queue.front().map_or(next, |(due, _)| next.min(*due)))
    }

    /// Cuts a frame into packets of equal size, as libwebrtc does.
    fn frame(&mut self, now: u64) {
        let key = self.key_wanted || self.frames.is_multiple_of(GROUP);
        self.key_wanted = false;
        self.keyframes += u64::from(key);
        let group = self.kilobits as f64 * 125.0 * GROUP as f64 / 25.0;
        let usual = group / (GROUP as f64 - 1.0 + KEY);
        // From a half to one and a half.
        let spread = 0.5 + (self.random() % 1_000) as f64 / 1_000.0;
        let size = (usual * if key { KEY } else { spread }).max(64.0) as usize;
        let count = size.div_ceil(MOST - 4);
        self.picture = self.picture.wrapping_add(1) & 0x7fff;
        for at in 0..count {
            let share = size / count + usize::from(at < size % count) + 4;
            let mut payload = vec![0x55; share];
            let [high, low] = (self.picture | 0x8000).to_be_bytes();
            payload[..4].copy_from_slice(&[if at == 0 { 0x90 } else { 0x80 }, 0x80, high, low]);
            if at == 0 {
                let [s0, s1, ..] = ((size as u32) << 5).to_le_bytes();
                payload[4..14].copy_from_slice(&[
                    0x10 | u8::from(!key) | s0 & 0xe0,
                    s1,
                    0,
                    0x9d,
                    0x01,
                    0x2a,
                    0x80,
                    0x02,
                    0x68,
                    0x01,
                ]);
            }
            // At two and a half times the bitrate, in steps of 5 ms, when it is paced.
            let after = at as u64 * share as u64 * 8_000_000 / (self.kilobits * 5 / 2);
            let due = if self.paced { now + after / 5_000_000 * 5_000_000 } else { now };
            let timestamp = (self.frames * 3_600) as u32;
            self.queue.push_back((due, Draft { which: 1, marker: at + 1 == count, timestamp, payload }));
        }
    }

    fn send(&mut self, draft: Draft) -> Outcome {
        let Draft { which, marker, timestamp, mut payload } = draft;
        let number = self.sequences[which];
        self.sequences[which] = number.wrapping_add(1);
        let kind = if which == 1 { VIDEO } else { AUDIO };
        let mut packet = vec![0x90, kind | u8::from(marker) << 7];
        packet.extend(number.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(SOURCES[which].to_be_bytes());
        // The media section's name, and the number for feedback.
        let [high, low] = self.transport.to_be_bytes();
        self.transport = self.transport.wrapping_add(1);
        packet.extend([0xbe, 0xde, 0, 2, 0x40, b'0' + which as u8, 0x31, high, low, 0, 0, 0]);
        let at = STAMP[which];
        payload[at..at + 8].copy_from_slice(&nanos().to_be_bytes());
        packet.extend(&payload);
        self.sent[which].0 += 1;
        self.sent[which].1 += payload.len() as u32;
        let Some(seal) = &mut self.link.seal else { return Ok(()) };
        let sealed = seal.encrypt_rtp(&packet)?.to_vec();
        let _lost = self.link.socket.send(&sealed);
        if which == 1 {
            self.kept.push_back((number, sealed));
            if self.kept.len() > KEPT {
                self.kept.pop_front();
            }
        }
        Ok(())
    }

    /// Tells what the clocks show (RFC 3550 section 6.4.1).
    fn report(&mut self, now: u64) -> Outcome {
        for (which, rate) in [48_000, 90_000].into_iter().enumerate() {
            let elapsed = now - self.began;
            let timestamp = (elapsed * rate / 1_000_000_000) as u32;
            let mut report = vec![0x80, 200, 0, 6];
            report.extend(SOURCES[which].to_be_bytes());
            let (seconds, rest) = (now / 1_000_000_000, now % 1_000_000_000);
            report.extend((seconds as u32).to_be_bytes());
            report.extend((((rest << 32) / 1_000_000_000) as u32).to_be_bytes());
            report.extend(timestamp.to_be_bytes());
            report.extend(self.sent[which].0.to_be_bytes());
            report.extend(self.sent[which].1.to_be_bytes());
            report.extend([0x81, 202, 0, 3]);
            report.extend(SOURCES[which].to_be_bytes());
            report.extend([1, 5, b'b', b'e', b'n', b'c', b'h', 0]);
            self.link.report(&report)?;
        }
        Ok(())
    }
}
