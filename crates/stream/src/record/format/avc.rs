//! H.264: sequence and picture parameter sets.

use super::Size;
use crate::record::bits::{Bits, unescaped};

/// What `avcC` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AvcFormat {
    pub(crate) size: Size,
    pub(crate) chroma: u8,
    /// Bits of a sample of luma and of chroma.
    pub(crate) depths: (u8, u8),
    /// Sequence parameter sets, the one in force first.
    pub(crate) sps: Vec<Vec<u8>>,
    pub(crate) pps: Vec<Vec<u8>>,
}

impl AvcFormat {
    /// What parameter sets say; none where they cannot be read.
    pub(crate) fn new(sps: Vec<Vec<u8>>, pps: Vec<Vec<u8>>) -> Option<Self> {
        let fields = Sps::read(sps.first()?)?;
        (!pps.is_empty()).then_some(Self {
            size: fields.size,
            chroma: fields.chroma,
            depths: fields.depths,
            sps,
            pps,
        })
    }
}

/// The id of a sequence parameter set.
pub(crate) fn sps_id(nal: &[u8]) -> Option<u32> {
    let plain = unescaped(nal.get(..nal.len().min(16))?);
    let mut bits = Bits::new(plain.get(4..)?);
    bits.golomb().filter(|id| *id < 32)
}

/// The id of a picture parameter set.
pub(crate) fn pps_id(nal: &[u8]) -> Option<u32> {
    let plain = unescaped(nal.get(..nal.len().min(16))?);
    Bits::new(plain.get(1..)?).golomb().filter(|id| *id < 256)
}

struct Sps {
    size: Size,
    chroma: u8,
    depths: (u8, u8),
}

impl Sps {
    /// Section 7.3.2.1.1, as far as the size of the picture.
    fn read(nal: &[u8]) -> Option<Self> {
        let plain = unescaped(nal);
        let profile = *plain.get(1)?;
        let mut bits = Bits::new(plain.get(4..)?);
        bits.skip_golomb()?;
        let (mut chroma, mut depths) = (1, (8, 8));
        if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
            (chroma, depths) = high(&mut bits)?;
        }
        bits.skip_golomb()?;
        order(&mut bits)?;
        bits.skip_golomb()?;
        bits.skip(1)?;
        let (columns, rows) = (bits.golomb()?.checked_add(1)?, bits.golomb()?.checked_add(1)?);
        let fields = u32::from(!bits.flag()?);
        if fields == 1 {
            bits.skip(1)?;
        }
        bits.skip(1)?;
        let mut cut = [0; 4];
        if bits.flag()? {
            for side in &mut cut {
                *side = bits.golomb()?;
            }
        }
        let (across, down) = crop_units(chroma, fields);
        let [left, right, top, bottom] = cut;
        let width = columns.checked_mul(16)?.checked_sub(left.checked_add(right)?.checked_mul(across)?)?;
        let height = rows.checked_mul(16)?.checked_mul(1 + fields)?;
        let height = height.checked_sub(top.checked_add(bottom)?.checked_mul(down)?)?;
        let size = Size { width: u16::try_from(width).ok()?, height: u16::try_from(height).ok()? };
        Some(Self { size, chroma, depths })
    }
}

/// Pixels by which the edges of a picture are given.
fn crop_units(chroma: u8, fields: u32) -> (u32, u32) {
    match chroma {
        1 => (2, 2 * (1 + fields)),
        2 => (2, 1 + fields),
        _ => (1, 1 + fields),
    }
}

/// What profiles above the main one say of colour.
fn high(bits: &mut Bits<'_>) -> Option<(u8, (u8, u8))> {
    let chroma = u8::try_from(bits.golomb()?).ok().filter(|chroma| *chroma <= 3)?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    let mut depth = || u8::try_from(bits.golomb()?).ok().filter(|more| *more <= 6).map(|more| 8 + more);
    let depths = (depth()?, depth()?);
    bits.skip(1)?;
    if bits.flag()? {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some((chroma, depths))
}

/// Section 7.3.2.1.1.1.
fn scaling_list(bits: &mut Bits<'_>, len: u32) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.signed_golomb()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// How pictures are ordered; it does not matter here.
fn order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.golomb()? {
        0 => bits.skip_golomb(),
        1 => {
            bits.skip(1)?;
            bits.skip_golomb()?;
            bits.skip_golomb()?;
            for _ in 0..bits.golomb()?.min(256) {
                bits.skip_golomb()?;
            }
            Some(())
        }
        _ => Some(()),
    }
}
