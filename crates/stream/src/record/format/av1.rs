//! AV1: the sequence header.

use super::Size;
use crate::record::bits::Bits;

/// What `av1C` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Av1Format {
    pub(crate) size: Size,
    pub(crate) profile: u8,
    pub(crate) level: u8,
    pub(crate) high_tier: bool,
    pub(crate) colour: Colour,
    /// The OBU with its header and size.
    pub(crate) sequence_header: Vec<u8>,
}

/// How samples are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Colour {
    pub(crate) high_depth: bool,
    pub(crate) twelve_bits: bool,
    pub(crate) monochrome: bool,
    /// Halved across, and down.
    pub(crate) subsampled: (bool, bool),
    pub(crate) position: u8,
}

/// The first operating point, and whether decoder models are described.
struct Points {
    level: u8,
    high_tier: bool,
}

impl Av1Format {
    /// Reads a sequence header (AV1 bitstream specification section 5.5.1); `obu` is it with header and size.
    pub(crate) fn new(payload: &[u8], obu: Vec<u8>) -> Option<Self> {
        let mut bits = Bits::new(payload);
        let profile = bits.byte(3).filter(|profile| *profile <= 2)?;
        bits.skip(1)?;
        let reduced = bits.flag()?;
        let points =
            if reduced { Points { level: bits.byte(5)?, high_tier: false } } else { points(&mut bits)? };
        let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
        let (width, height) = (bits.number(width_bits)? + 1, bits.number(height_bits)? + 1);
        let size = Size { width: u16::try_from(width).ok()?, height: u16::try_from(height).ok()? };
        tools(&mut bits, reduced)?;
        let colour = colour(&mut bits, profile)?;
        Some(Self {
            size,
            profile,
            level: points.level,
            high_tier: points.high_tier,
            colour,
            sequence_header: obu,
        })
    }
}

fn points(bits: &mut Bits<'_>) -> Option<Points> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.skip_golomb()?;
        }
        if bits.flag()? {
            delay_bits = Some(usize::from(bits.byte(5)?) + 1);
            bits.skip(42)?;
        }
    }
    let delays = bits.flag()?;
    let mut first = None;
    for _ in 0..=bits.number(5)? {
        bits.skip(12)?;
        let level = bits.byte(5)?;
        let high_tier = level > 7 && bits.flag()?;
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * delay_bits + 1)?;
        }
        if delays && bits.flag()? {
            bits.skip(4)?;
        }
        first.get_or_insert(Points { level, high_tier });
    }
    first
}

/// Which tools frames may use.
fn tools(bits: &mut Bits<'_>, reduced: bool) -> Option<()> {
    if !reduced && bits.flag()? {
        bits.skip(7)?;
    }
    bits.skip(3)?;
    if !reduced {
        bits.skip(4)?;
        let ordered = bits.flag()?;
        if ordered {
            bits.skip(2)?;
        }
        let screen = bits.flag()? || bits.flag()?;
        if screen && !bits.flag()? {
            bits.skip(1)?;
        }
        if ordered {
            bits.skip(3)?;
        }
    }
    bits.skip(3)
}

fn colour(bits: &mut Bits<'_>, profile: u8) -> Option<Colour> {
    let mut colour = Colour { high_depth: bits.flag()?, ..Colour::default() };
    colour.twelve_bits = profile == 2 && colour.high_depth && bits.flag()?;
    colour.monochrome = profile != 1 && bits.flag()?;
    let described = if bits.flag()? { bits.number(24)? } else { 0 };
    if colour.monochrome {
        bits.skip(1)?;
        colour.subsampled = (true, true);
        return Some(colour);
    }
    // BT.709 primaries, sRGB transfer, identity matrix: RGB.
    if described == 0x01_0d_00 {
        return Some(colour);
    }
    bits.skip(1)?;
    colour.subsampled = match profile {
        0 => (true, true),
        1 => (false, false),
        _ if !colour.twelve_bits => (true, false),
        _ => {
            let across = bits.flag()?;
            (across, across && bits.flag()?)
        }
    };
    if colour.subsampled == (true, true) {
        colour.position = bits.byte(2)?;
    }
    Some(colour)
}
