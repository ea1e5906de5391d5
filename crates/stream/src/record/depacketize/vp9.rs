//! RFC 9628.

use std::sync::Arc;

use super::assembly::{Assembly, Open};
use crate::packet::Packet;
use crate::record::format::{Format, Size, Vp9Format};
use crate::record::unit::Unit;

#[derive(Debug, Default)]
pub(crate) struct Vp9 {
    assembly: Assembly,
    /// Where the frames of spatial layers begin within the picture that is open.
    layers: Vec<usize>,
    /// The size of the largest layer, where it was said.
    largest: Option<Size>,
    format: Option<Arc<Format>>,
}

/// What a packet says of itself (section 4.2).
#[derive(Debug, Default)]
struct Descriptor {
    begins: bool,
    largest: Option<Size>,
}

impl Vp9 {
    pub(super) fn lost(&mut self) {
        self.assembly.lost();
    }

    pub(super) fn push(&mut self, packet: &Packet, out: &mut Vec<Unit>) -> bool {
        let (ended, open) = self.assembly.enter(packet);
        let layers = if ended.is_some() { std::mem::take(&mut self.layers) } else { Vec::new() };
        match descriptor(&packet.payload) {
            Some((descriptor, part)) => {
                open.doubtful |= open.data.is_empty();
                open.begins(descriptor.begins || !open.data.is_empty());
                if descriptor.begins && self.layers.len() < 8 {
                    self.layers.push(open.data.len());
                }
                self.largest = descriptor.largest.or(self.largest);
                open.extend(part);
            }
            None => open.broken = true,
        }
        let mut good = ended.is_none_or(|ended| self.close(ended, &layers, out));
        if packet.marker
            && let Some(ended) = self.assembly.finish()
        {
            let layers = std::mem::take(&mut self.layers);
            good &= self.close(ended, &layers, out);
        }
        good
    }

    fn close(&mut self, open: Open, layers: &[usize], out: &mut Vec<Unit>) -> bool {
        if open.broken || open.data.is_empty() {
            return false;
        }
        let Open { timestamp, arrived, mut data, .. } = open;
        let key = Vp9Format::of_key_frame(&data);
        let keyframe = key.is_some();
        if let Some(mut key) = key {
            if let Some(largest) = self.largest.filter(|_| layers.len() > 1) {
                key.size = largest;
            }
            let format = Format::Vp9(key);
            if self.format.as_deref() != Some(&format) {
                self.format = Some(Arc::new(format));
            }
        }
        let Some(format) = self.format.clone() else { return false };
        index(&mut data, layers);
        out.push(Unit { timestamp, arrived, keyframe, ticks: None, format, data });
        true
    }
}

/// Says where the frames of a superframe are (VP9 bitstream specification, annex B).
fn index(data: &mut Vec<u8>, layers: &[usize]) {
    let Some(more) = layers.len().checked_sub(1).filter(|more| (1..8).contains(more)) else { return };
    let ends = layers.iter().skip(1).copied().chain([data.len()]);
    let sizes: Vec<usize> = layers.iter().zip(ends).map(|(begin, end)| end.saturating_sub(*begin)).collect();
    let marker = 0b1101_1000 | u8::try_from(more).unwrap_or(0);
    data.push(marker);
    for size in sizes {
        data.extend(u32::try_from(size).unwrap_or(0).to_le_bytes());
    }
    data.push(marker);
}

fn descriptor(payload: &[u8]) -> Option<(Descriptor, &[u8])> {
    let (first, mut rest) = payload.split_first()?;
    let has = |bit: u8| first & bit != 0;
    if has(0x80) {
        let long = rest.first()? & 0x80 != 0;
        rest = rest.get(if long { 2 } else { 1 }..)?;
    }
    if has(0x20) {
        rest = rest.get(if has(0x10) { 1 } else { 2 }..)?;
    }
    if has(0x40) && has(0x10) {
        for _ in 0..3 {
            let (difference, behind) = rest.split_first()?;
            rest = behind;
            if difference & 1 == 0 {
                break;
            }
        }
    }
    let mut descriptor = Descriptor { begins: has(0x08), largest: None };
    if has(0x02) {
        (descriptor.largest, rest) = structure(rest)?;
    }
    Some((descriptor, rest))
}

/// The scalability structure: the size of the largest layer, and what is behind it.
fn structure(payload: &[u8]) -> Option<(Option<Size>, &[u8])> {
    let (first, mut rest) = payload.split_first()?;
    let mut largest = None;
    if first & 0x10 != 0 {
        for _ in 0..=(first >> 5) {
            let ([w0, w1, h0, h1], behind) = rest.split_first_chunk::<4>()?;
            let size = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
            largest = Some(Size { width: size(w0, w1), height: size(h0, h1) });
            rest = behind;
        }
    }
    if first & 0x08 != 0 {
        let (pictures, behind) = rest.split_first()?;
        rest = behind;
        for _ in 0..*pictures {
            let (picture, behind) = rest.split_first()?;
            rest = behind.get(usize::from(picture >> 2 & 3)..)?;
        }
    }
    Some((largest, rest))
}
