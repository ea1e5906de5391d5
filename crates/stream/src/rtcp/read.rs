//! What a peer reports.

use super::transport::Arrived;
use super::{format, kind};

/// Something that a peer reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report<'p> {
    /// What a sender's clock shows, and what it sent.
    Sender { ssrc: u32, ntp: u64, timestamp: u32 },
    /// How a source is received.
    Reception(Reception),
    /// Packets of a source that are missing: one, and which of the sixteen behind it.
    Missing { ssrc: u32, first: u16, behind: u16 },
    /// A source's next frame has to be a key frame.
    Keyframe { ssrc: u32 },
    /// Which packets of the whole transport came.
    Arrived(Arrived<'p>),
    /// A source has ended.
    Goodbye { ssrc: u32 },
}

/// A report block (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    /// Of 256 packets since the last report, how many did not come.
    pub(crate) fraction: u8,
    /// Packets that never came; doubled ones make it negative.
    pub(crate) lost: i32,
    /// The highest number that came, with how often it went round.
    pub(crate) highest: u32,
    /// In ticks of the source's clock.
    pub(crate) jitter: u32,
    /// The middle of the NTP time of the last sender report.
    pub(crate) last_report: u32,
    /// How long ago it came, in 1/65,536 of a second.
    pub(crate) delay: u32,
}

/// Calls `take` for everything in a compound. Answers whether all of it made sense; what comes before nonsense is taken.
pub(crate) fn read<'p>(mut compound: &'p [u8], mut take: impl FnMut(Report<'p>)) -> bool {
    while !compound.is_empty() {
        let Some((packet, rest)) = split(compound) else { return false };
        if packet.body(&mut take).is_none() {
            return false;
        }
        compound = rest;
    }
    true
}

struct Packet<'p> {
    count: u8,
    kind: u8,
    body: &'p [u8],
}

/// Takes the first packet off.
fn split(compound: &[u8]) -> Option<(Packet<'_>, &[u8])> {
    let (&[first, kind, l0, l1], rest) = compound.split_first_chunk::<4>()?;
    let (body, rest) = rest.split_at_checked(4 * usize::from(u16::from_be_bytes([l0, l1])))?;
    if first >> 6 != 2 {
        return None;
    }
    let padding = if first & 0x20 == 0 { 0 } else { usize::from(*body.last()?) };
    let body = body.get(..body.len().checked_sub(padding)?)?;
    Some((Packet { count: first & 0x1f, kind, body }, rest))
}

impl<'p> Packet<'p> {
    fn body(&self, take: &mut impl FnMut(Report<'p>)) -> Option<()> {
        let body = self.body;
        match self.kind {
            kind::SENDER_REPORT => {
                let ntp = (u64::from(word(body, 4)?) << 32) | u64::from(word(body, 8)?);
                take(Report::Sender { ssrc: word(body, 0)?, ntp, timestamp: word(body, 12)? });
                blocks(body.get(24..)?, self.count, take)
            }
            kind::RECEIVER_REPORT => blocks(body.get(4..)?, self.count, take),
            kind::GOODBYE => {
                for at in 0..usize::from(self.count) {
                    take(Report::Goodbye { ssrc: word(body, 4 * at)? });
                }
                Some(())
            }
            kind::TRANSPORT_FEEDBACK if self.count == format::NACK => {
                let ssrc = word(body, 4)?;
                for pair in body.get(8..)?.chunks_exact(4) {
                    let &[p0, p1, b0, b1] = pair.first_chunk::<4>()?;
                    let (first, behind) = (u16::from_be_bytes([p0, p1]), u16::from_be_bytes([b0, b1]));
                    take(Report::Missing { ssrc, first, behind });
                }
                Some(())
            }
            kind::TRANSPORT_FEEDBACK if self.count == format::ARRIVALS => {
                take(Report::Arrived(Arrived::read(body.get(8..)?)?));
                Some(())
            }
            kind::PAYLOAD_FEEDBACK if self.count == format::PLI => {
                take(Report::Keyframe { ssrc: word(body, 4)? });
                Some(())
            }
            kind::PAYLOAD_FEEDBACK if self.count == format::FIR => {
                for entry in body.get(8..)?.chunks_exact(8) {
                    take(Report::Keyframe { ssrc: word(entry, 0)? });
                }
                Some(())
            }
            // Names, extended reports, estimates of bandwidth: nothing here depends on them.
            _ => Some(()),
        }
    }
}

fn blocks<'p>(body: &[u8], count: u8, take: &mut impl FnMut(Report<'p>)) -> Option<()> {
    for at in 0..usize::from(count) {
        let block = body.get(24 * at..24 * (at + 1))?;
        let lost = word(block, 4)?;
        // A number of 24 bits with its sign.
        let lost_signed = i32::from_be_bytes((lost << 8).to_be_bytes()) >> 8;
        take(Report::Reception(Reception {
            ssrc: word(block, 0)?,
            fraction: *block.get(4)?,
            lost: lost_signed,
            highest: word(block, 8)?,
            jitter: word(block, 12)?,
            last_report: word(block, 16)?,
            delay: word(block, 20)?,
        }));
    }
    Some(())
}

fn word(body: &[u8], at: usize) -> Option<u32> {
    body.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}
