//! What a decoder must know before the first unit.

mod av1;
pub(crate) mod avc;
pub(crate) mod hevc;
mod vp;

use std::time::Duration;

pub(crate) use self::av1::Av1Format;
pub(crate) use self::avc::AvcFormat;
pub(crate) use self::hevc::HevcFormat;
pub(crate) use self::vp::{Vp9Format, vp8_size};

/// Width and height of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// How a track is encoded, in all that its file must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    Avc(AvcFormat),
    Hevc(HevcFormat),
    /// Its decoders need nothing but the pictures.
    Vp8(Size),
    Vp9(Vp9Format),
    Av1(Av1Format),
    Opus,
    Pcmu,
    Pcma,
    G722,
}

impl Format {
    /// The size of its pictures.
    pub(crate) fn size(&self) -> Option<Size> {
        match self {
            Self::Avc(format) => Some(format.size),
            Self::Hevc(format) => Some(format.size),
            Self::Vp8(size) => Some(*size),
            Self::Vp9(format) => Some(format.size),
            Self::Av1(format) => Some(format.size),
            Self::Opus | Self::Pcmu | Self::Pcma | Self::G722 => None,
        }
    }
}

impl Format {
    /// Parameter sets that can also stand within a picture, as they stand there: behind their lengths.
    pub(crate) fn in_band(&self) -> Vec<u8> {
        let sets: Vec<&Vec<u8>> = match self {
            Self::Avc(avc) => avc.sps.iter().chain(&avc.pps).collect(),
            Self::Hevc(hevc) => hevc.vps.iter().chain(&hevc.sps).chain(&hevc.pps).collect(),
            _ => Vec::new(),
        };
        let mut bytes = Vec::new();
        for set in sets {
            bytes.extend(u32::try_from(set.len()).unwrap_or(0).to_be_bytes());
            bytes.extend_from_slice(set);
        }
        bytes
    }
}

/// How long a packet of Opus is, in ticks of 48 kHz (RFC 6716 section 3.1).
pub(crate) fn opus_ticks(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let configuration = u32::from(toc >> 3);
    let frame = match configuration {
        0..=11 => [480, 960, 1_920, 2_880].get(usize::from(toc >> 3 & 3)).copied()?,
        12..=15 => 480 << (configuration & 1),
        _ => 120 << (configuration & 3),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|ticks| (1..=5_760).contains(ticks))
}

/// How long a picture is taken to be when none follows it.
pub(crate) const LAST_PICTURE: Duration = Duration::from_millis(33);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_opus_say_how_long_they_are() {
        for (packet, ticks) in [
            (&[0b0000_0000][..], Some(480)),
            (&[0b0000_1000], Some(960)),
            (&[0b0001_1001], Some(5_760)),
            (&[0b0110_1000], Some(960)),
            (&[0b1000_0000], Some(120)),
            (&[0b1111_1000], Some(960)),
            (&[0b1111_1011, 3], Some(2_880)),
            (&[0b1111_1011, 0], None),
            (&[0b1111_1011, 63], None),
            (&[0b1111_1011], None),
            (&[], None),
        ] {
            assert_eq!(opus_ticks(packet), ticks, "{packet:?}");
        }
    }
}
