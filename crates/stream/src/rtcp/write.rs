//! What is reported to a peer.

use super::read::Reception;
use super::{format, kind};

/// Packets of one datagram. It begins with a report, as RFC 3550 section 6.1 wants.
#[derive(Debug, Default)]
pub(crate) struct Compound {
    pub(crate) bytes: Vec<u8>,
}

impl Compound {
    /// Begins anew, in the same memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    fn packet(&mut self, count: usize, kind: u8, body: impl IntoIterator<Item = u32>) {
        let begin = self.bytes.len();
        let count = u8::try_from(count).unwrap_or_default() & 0x1f;
        self.bytes.extend([0x80 | count, kind, 0, 0]);
        for word in body {
            self.bytes.extend(word.to_be_bytes());
        }
        end_packet(&mut self.bytes, begin);
    }

    /// What was sent of a source, and what its clock shows.
    pub(crate) fn sender(&mut self, ssrc: u32, ntp: u64, timestamp: u32, packets: u32, bytes: u32) {
        let [upper, lower] = halves(ntp);
        self.packet(0, kind::SENDER_REPORT, [ssrc, upper, lower, timestamp, packets, bytes]);
    }

    /// How sources are received; none is a report too.
    pub(crate) fn receiver(&mut self, own: u32, receptions: &[Reception]) {
        let blocks = receptions.iter().flat_map(|it| {
            let lost = u32::from_be_bytes(it.lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes()) & 0xff_ffff;
            let lost = (u32::from(it.fraction) << 24) | lost;
            [it.ssrc, lost, it.highest, it.jitter, it.last_report, it.delay]
        });
        self.packet(receptions.len(), kind::RECEIVER_REPORT, std::iter::once(own).chain(blocks));
    }

    /// The name that the sources of one peer share, up to 255 bytes.
    pub(crate) fn name(&mut self, ssrc: u32, name: &str) {
        let begin = self.bytes.len();
        let name = name.as_bytes().get(..name.len().min(255)).unwrap_or_default();
        self.bytes.extend([0x81, kind::DESCRIPTION, 0, 0]);
        self.bytes.extend(ssrc.to_be_bytes());
        self.bytes.extend([1, u8::try_from(name.len()).unwrap_or_default()]);
        self.bytes.extend(name);
        self.bytes.push(0);
        end_packet(&mut self.bytes, begin);
    }

    /// Asks for packets again. `missing` rises.
    pub(crate) fn nack(&mut self, own: u32, ssrc: u32, missing: &[u64]) {
        let mut pairs: Vec<(u64, u32)> = Vec::new();
        for &index in missing {
            match pairs.last_mut() {
                Some((first, behind)) if index > *first && index - *first <= 16 => {
                    *behind |= 1 << (index - *first - 1);
                }
                _ => pairs.push((index, 0)),
            }
        }
        let words = pairs.into_iter().map(|(first, behind)| {
            let [.., low] = halves(first);
            (low << 16) | behind
        });
        self.packet(format::NACK.into(), kind::TRANSPORT_FEEDBACK, [own, ssrc].into_iter().chain(words));
    }

    /// Asks for a key frame.
    pub(crate) fn pli(&mut self, own: u32, ssrc: u32) {
        self.packet(format::PLI.into(), kind::PAYLOAD_FEEDBACK, [own, ssrc]);
    }

    /// Asks for a key frame of one who knows only this request; each has another `number`.
    pub(crate) fn fir(&mut self, own: u32, ssrc: u32, number: u8) {
        let number = u32::from(number) << 24;
        self.packet(format::FIR.into(), kind::PAYLOAD_FEEDBACK, [own, 0, ssrc, number]);
    }
}

/// Fills the packet that begins at `begin` up to whole words, and writes its length into its header.
pub(super) fn end_packet(bytes: &mut Vec<u8>, begin: usize) {
    while !(bytes.len() - begin).is_multiple_of(4) {
        bytes.push(0);
    }
    let words = u16::try_from((bytes.len() - begin) / 4 - 1).unwrap_or(u16::MAX);
    if let Some(length) = bytes.get_mut(begin + 2..begin + 4) {
        length.copy_from_slice(&words.to_be_bytes());
    }
}

fn halves(word: u64) -> [u32; 2] {
    [word >> 32, word & 0xffff_ffff].map(|half| u32::try_from(half).unwrap_or_default())
}
