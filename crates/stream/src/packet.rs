//! A packet of media, decrypted.

use std::time::Instant;

use crate::extension::Extension;

/// Bytes of header extensions that are passed on; what is more is left out.
pub const MAX_PASSED_ON: usize = 48;

/// A packet of a published track, as whoever forwards or records it sees it. It is made once and shared.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The sequence number, counted on beyond 65,535. It begins somewhere, and follows the order of sending.
    pub index: u64,
    /// The RTP timestamp, as the publisher wrote it.
    pub timestamp: u32,
    /// Ends a frame of video; begins a talkspurt of sound.
    pub marker: bool,
    /// Begins a frame that can be decoded without others.
    pub keyframe: bool,
    /// When it came.
    pub arrived: Instant,
    /// Header extensions that are passed on, with their bytes.
    pub extensions: Vec<(Extension, Box<[u8]>)>,
    /// What the codec wrote, in the packets of its RTP payload format, without padding.
    pub payload: Box<[u8]>,
}

/// What a publisher said about its clock (sender report, RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Time of day at the publisher, as NTP writes it: seconds since 1900 in the upper 32 bits.
    pub ntp: u64,
    /// The RTP timestamp of that moment.
    pub timestamp: u32,
}
