//! How a track stands in a header (RFC 9559 section 5.1.4, and the codec mappings of Matroska).

use mp4_atom::Atom;

use super::ebml::{Ebml, id};
use crate::record::format::{Format, Size};
use crate::record::mp4::{Unfit, av1c, avcc, hvcc};
use crate::record::sample::Described;

/// Nanoseconds that a decoder of Opus needs before it says what was meant.
const OPUS_PRE_ROLL: u64 = 80_000_000;

pub(super) fn entry(ebml: &mut Ebml, track: &Described<'_>) -> Result<(), Unfit> {
    let Some(format) = track.formats.first() else { return Ok(()) };
    let number = number(track.track);
    let private = private(format)?;
    ebml.master(id::TRACK_ENTRY, |ebml| {
        ebml.number(id::TRACK_NUMBER, number);
        ebml.number(id::TRACK_UID, number);
        ebml.number(id::FLAG_LACING, 0);
        ebml.text(id::CODEC_ID, codec_id(format));
        if let Some(private) = private {
            ebml.bytes(id::CODEC_PRIVATE, &private);
        }
        if **format == Format::Opus {
            ebml.number(id::SEEK_PRE_ROLL, OPUS_PRE_ROLL);
        }
        match format.size() {
            Some(size) => video(ebml, size),
            None => audio(ebml, format),
        }
    });
    Ok(())
}

/// The number by which a file knows a track.
pub(super) fn number(track: usize) -> u64 {
    u64::try_from(track).unwrap_or(0) + 1
}

fn video(ebml: &mut Ebml, size: Size) {
    ebml.number(id::TRACK_TYPE, 1);
    ebml.master(id::VIDEO, |ebml| {
        ebml.number(id::PIXEL_WIDTH, size.width.into());
        ebml.number(id::PIXEL_HEIGHT, size.height.into());
    });
}

fn audio(ebml: &mut Ebml, format: &Format) {
    let (rate, channels) = match format {
        Format::Opus => (48_000.0, 2),
        Format::G722 => (16_000.0, 1),
        _ => (8_000.0, 1),
    };
    ebml.number(id::TRACK_TYPE, 2);
    ebml.master(id::AUDIO, |ebml| {
        ebml.float(id::SAMPLING_FREQUENCY, rate);
        ebml.number(id::CHANNELS, channels);
    });
}

const fn codec_id(format: &Format) -> &'static str {
    match format {
        Format::Avc(_) => "V_MPEG4/ISO/AVC",
        Format::Hevc(_) => "V_MPEGH/ISO/HEVC",
        Format::Vp8(_) => "V_VP8",
        Format::Vp9(_) => "V_VP9",
        Format::Av1(_) => "V_AV1",
        Format::Opus => "A_OPUS",
        Format::Pcmu | Format::Pcma | Format::G722 => "A_MS/ACM",
    }
}

fn private(format: &Format) -> Result<Option<Vec<u8>>, Unfit> {
    let mut bytes = Vec::new();
    match format {
        Format::Avc(avc) => avcc(avc)?.encode_body(&mut bytes)?,
        Format::Hevc(hevc) => hvcc(hevc).encode_body(&mut bytes)?,
        Format::Av1(av1) => av1c(av1).encode_body(&mut bytes)?,
        Format::Vp8(_) | Format::Vp9(_) => return Ok(None),
        Format::Opus => bytes = opus_head(),
        Format::Pcmu => bytes = wave(7, 8_000, 8),
        Format::Pcma => bytes = wave(6, 8_000, 8),
        Format::G722 => bytes = wave(0x028f, 16_000, 4),
    }
    Ok(Some(bytes))
}

/// RFC 7845 section 5.1.
fn opus_head() -> Vec<u8> {
    let mut head = b"OpusHead\x01\x02\0\0".to_vec();
    head.extend(48_000_u32.to_le_bytes());
    head.extend([0; 3]);
    head
}

/// `WAVEFORMATEX` of 64 kbit/s in one channel (RFC 2361).
fn wave(tag: u16, rate: u32, bits: u16) -> Vec<u8> {
    let mut wave = Vec::new();
    wave.extend(tag.to_le_bytes());
    wave.extend(1_u16.to_le_bytes());
    wave.extend(rate.to_le_bytes());
    wave.extend(8_000_u32.to_le_bytes());
    wave.extend(1_u16.to_le_bytes());
    wave.extend(bits.to_le_bytes());
    wave.extend(0_u16.to_le_bytes());
    wave
}
