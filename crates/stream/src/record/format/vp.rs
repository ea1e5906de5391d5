//! VP8 and VP9: what the headers of key frames say.

use super::Size;
use crate::record::bits::Bits;

/// The size of a key frame of VP8 (RFC 6386 section 9.1); none of another frame.
pub(crate) fn vp8_size(frame: &[u8]) -> Option<Size> {
    let header: [u8; 10] = frame.get(..10)?.try_into().ok()?;
    let [tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = header else { return None };
    let size = |low, high| u16::from_le_bytes([low, high]) & 0x3fff;
    (tag & 1 == 0).then_some(Size { width: size(w0, w1), height: size(h0, h1) })
}

/// What `vpcC` holds of VP9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vp9Format {
    pub(crate) size: Size,
    pub(crate) profile: u8,
    /// Bits of a sample.
    pub(crate) depth: u8,
    /// As `vpcC` numbers it.
    pub(crate) subsampling: u8,
    /// Samples use all values.
    pub(crate) full_range: bool,
}

impl Vp9Format {
    /// What the header of a key frame says (VP9 bitstream specification section 6.2); none of another frame.
    pub(crate) fn of_key_frame(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.number(2)? != 2 {
            return None;
        }
        let profile = bits.byte(1)? | bits.byte(1)? << 1;
        if profile == 3 {
            bits.skip(1)?;
        }
        let (shows_existing, inter) = (bits.flag()?, bits.flag()?);
        bits.skip(2)?;
        if shows_existing || inter || bits.number(24)? != 0x49_83_42 {
            return None;
        }
        let depth = match profile {
            2 | 3 if bits.flag()? => 12,
            2 | 3 => 10,
            _ => 8,
        };
        let (subsampling, full_range) = colour(&mut bits, profile)?;
        let (width, height) = (bits.number(16)?.checked_add(1)?, bits.number(16)?.checked_add(1)?);
        let size = Size { width: u16::try_from(width).ok()?, height: u16::try_from(height).ok()? };
        Some(Self { size, profile, depth, subsampling, full_range })
    }
}

fn colour(bits: &mut Bits<'_>, profile: u8) -> Option<(u8, bool)> {
    let (rgb, odd) = (bits.number(3)? == 7, profile & 1 == 1);
    if rgb {
        bits.skip(usize::from(odd))?;
        return Some((3, true));
    }
    let full_range = bits.flag()?;
    let subsampling = if odd {
        let (across, down) = (bits.flag()?, bits.flag()?);
        bits.skip(1)?;
        match (across, down) {
            (true, true) => 1,
            (true, false) => 2,
            (false, _) => 3,
        }
    } else {
        1
    };
    Some((subsampling, full_range))
}
