//! H.265: video, sequence and picture parameter sets.

use super::Size;
use crate::record::bits::{Bits, unescaped};

/// What `hvcC` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HevcFormat {
    pub(crate) size: Size,
    /// The general part of `profile_tier_level`: 12 bytes.
    pub(crate) profile: [u8; 12],
    pub(crate) chroma: u8,
    /// Bits of a sample of luma and of chroma.
    pub(crate) depths: (u8, u8),
    pub(crate) temporal_layers: u8,
    pub(crate) temporal_nested: bool,
    pub(crate) vps: Vec<Vec<u8>>,
    pub(crate) sps: Vec<Vec<u8>>,
    pub(crate) pps: Vec<Vec<u8>>,
}

impl HevcFormat {
    /// What parameter sets say; none where they cannot be read.
    pub(crate) fn new(vps: Vec<Vec<u8>>, sps: Vec<Vec<u8>>, pps: Vec<Vec<u8>>) -> Option<Self> {
        if vps.is_empty() || pps.is_empty() {
            return None;
        }
        // Section 7.3.2.2, behind the two bytes of the NAL unit's header.
        let plain = unescaped(sps.first()?);
        let mut bits = Bits::new(plain.get(2..)?);
        bits.skip(4)?;
        let more_layers = bits.byte(3).filter(|layers| *layers < 7)?;
        let temporal_nested = bits.flag()?;
        let mut profile = [0; 12];
        for byte in &mut profile {
            *byte = bits.byte(8)?;
        }
        skip_layers(&mut bits, more_layers)?;
        bits.skip_golomb()?;
        let chroma = u8::try_from(bits.golomb()?).ok().filter(|chroma| *chroma <= 3)?;
        if chroma == 3 {
            bits.skip(1)?;
        }
        let size = size(&mut bits, chroma)?;
        let mut depth = || u8::try_from(bits.golomb()?).ok().filter(|more| *more <= 8).map(|more| 8 + more);
        let depths = (depth()?, depth()?);
        let temporal_layers = more_layers + 1;
        Some(Self { size, profile, chroma, depths, temporal_layers, temporal_nested, vps, sps, pps })
    }
}

/// The ids of parameter sets: of a video parameter set.
pub(crate) fn vps_id(nal: &[u8]) -> Option<u32> {
    Some(u32::from(nal.get(2)? >> 4))
}

/// Of a sequence parameter set.
pub(crate) fn sps_id(nal: &[u8]) -> Option<u32> {
    let plain = unescaped(nal.get(..nal.len().min(128))?);
    let mut bits = Bits::new(plain.get(2..)?);
    bits.skip(4)?;
    let more_layers = bits.byte(3)?;
    bits.skip(1 + 96)?;
    skip_layers(&mut bits, more_layers)?;
    bits.golomb().filter(|id| *id < 16)
}

/// Of a picture parameter set.
pub(crate) fn pps_id(nal: &[u8]) -> Option<u32> {
    let plain = unescaped(nal.get(..nal.len().min(16))?);
    Bits::new(plain.get(2..)?).golomb().filter(|id| *id < 64)
}

/// What `profile_tier_level` says of temporal layers (section 7.3.3).
fn skip_layers(bits: &mut Bits<'_>, more_layers: u8) -> Option<()> {
    let mut present = Vec::new();
    for _ in 0..more_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if more_layers > 0 {
        bits.skip(usize::from(8_u8.saturating_sub(more_layers)) * 2)?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

fn size(bits: &mut Bits<'_>, chroma: u8) -> Option<Size> {
    let (mut width, mut height) = (bits.golomb()?, bits.golomb()?);
    if bits.flag()? {
        let [left, right, top, bottom] = [bits.golomb()?, bits.golomb()?, bits.golomb()?, bits.golomb()?];
        let (across, down) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        width = width.checked_sub(left.checked_add(right)?.checked_mul(across)?)?;
        height = height.checked_sub(top.checked_add(bottom)?.checked_mul(down)?)?;
    }
    Some(Size { width: u16::try_from(width).ok()?, height: u16::try_from(height).ok()? })
}
