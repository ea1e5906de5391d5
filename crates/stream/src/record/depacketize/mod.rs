//! Access units out of packets, one file for each payload format.

mod assembly;
mod av1;
mod h264;
mod h265;
mod nal;
mod sets;
mod sound;
mod vp8;
mod vp9;

use self::av1::Av1;
use self::h264::H264;
use self::h265::H265;
use self::nal::Nals;
use self::sound::Sound;
use self::vp8::Vp8;
use self::vp9::Vp9;
use super::unit::Unit;
use crate::codec::Codec;
use crate::packet::Packet;
use crate::track::Track;

/// Puts the units of one track together. Packets come in order; whoever gives them says where some are missing.
#[derive(Debug)]
pub(crate) enum Depacketizer {
    H264(Nals<H264>),
    H265(Nals<H265>),
    Vp8(Vp8),
    Vp9(Vp9),
    Av1(Av1),
    Sound(Sound),
}

impl Depacketizer {
    pub(crate) fn new(track: &Track) -> Self {
        let format = track.format.as_deref().unwrap_or_default();
        match track.codec {
            Codec::H264 => Self::H264(H264::with(format)),
            Codec::H265 => Self::H265(H265::with(format)),
            Codec::Vp8 => Self::Vp8(Vp8::default()),
            Codec::Vp9 => Self::Vp9(Vp9::default()),
            Codec::Av1 => Self::Av1(Av1::default()),
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => Self::Sound(Sound::new(track.codec)),
        }
    }

    /// Takes the next packet, and puts units that it completes behind `out`. Answers whether all was as it should be;
    /// when not, something was left out.
    pub(crate) fn push(&mut self, packet: &Packet, out: &mut Vec<Unit>) -> bool {
        // What keeps a line open, or tries how much it takes.
        if packet.payload.is_empty() {
            return true;
        }
        match self {
            Self::H264(codec) => codec.push(packet, out),
            Self::H265(codec) => codec.push(packet, out),
            Self::Vp8(codec) => codec.push(packet, out),
            Self::Vp9(codec) => codec.push(packet, out),
            Self::Av1(codec) => codec.push(packet, out),
            Self::Sound(codec) => codec.push(packet, out),
        }
    }

    /// Packets between the last one and the next are lost.
    pub(crate) fn lost(&mut self) {
        match self {
            Self::H264(codec) => codec.lost(),
            Self::H265(codec) => codec.lost(),
            Self::Vp8(codec) => codec.lost(),
            Self::Vp9(codec) => codec.lost(),
            Self::Av1(codec) => codec.lost(),
            Self::Sound(_) => {}
        }
    }
}
