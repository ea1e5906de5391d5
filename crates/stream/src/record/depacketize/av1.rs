//! The RTP payload format of the Alliance for Open Media, version 1.0.

use std::sync::Arc;

use super::assembly::{Assembly, Open};
use crate::packet::Packet;
use crate::record::format::{Av1Format, Format};
use crate::record::unit::{MAX_UNIT, Unit};

#[derive(Debug, Default)]
pub(crate) struct Av1 {
    assembly: Assembly,
    /// An OBU that goes on in the next packet.
    fragment: Option<Vec<u8>>,
    /// The sequence header that came last.
    pending: Option<Av1Format>,
    format: Option<Arc<Format>>,
}

impl Av1 {
    pub(super) fn lost(&mut self) {
        self.assembly.lost();
        self.fragment = None;
    }

    pub(super) fn push(&mut self, packet: &Packet, out: &mut Vec<Unit>) -> bool {
        let mut assembly = std::mem::take(&mut self.assembly);
        let (ended, open) = assembly.enter(packet);
        let mut good = ended.is_none_or(|ended| self.close(ended, out));
        if self.payload(&packet.payload, open).is_none() {
            open.broken = true;
        }
        let ended = if packet.marker { assembly.finish() } else { None };
        self.assembly = assembly;
        good &= ended.is_none_or(|ended| self.close(ended, out));
        good
    }

    fn payload(&mut self, payload: &[u8], open: &mut Open) -> Option<()> {
        let (header, mut rest) = payload.split_first()?;
        let (continues, goes_on, count) = (header & 0x80 != 0, header & 0x40 != 0, header >> 4 & 3);
        // A new coded video sequence begins with its first packet; elsewhere what came before cannot be told.
        open.begins(header & 0x08 != 0);
        if continues != self.fragment.is_some() {
            self.fragment = None;
            return None;
        }
        let mut seen = 0;
        while !rest.is_empty() {
            seen += 1;
            let element;
            if seen == count {
                (element, rest) = (rest, &[][..]);
            } else {
                let (len, behind) = leb128(rest)?;
                (element, rest) = behind.split_at_checked(len)?;
            }
            let last = rest.is_empty();
            let mut obu = if seen == 1 { self.fragment.take().unwrap_or_default() } else { Vec::new() };
            if obu.len() + element.len() > MAX_UNIT {
                return None;
            }
            obu.extend_from_slice(element);
            if last && goes_on {
                self.fragment = Some(obu);
            } else {
                self.obu(&obu, open)?;
            }
        }
        Some(())
    }

    fn obu(&mut self, obu: &[u8], open: &mut Open) -> Option<()> {
        let (header, mut payload) = obu.split_first()?;
        let mut head = vec![header | 0x02];
        if header & 0x04 != 0 {
            let (extension, behind) = payload.split_first()?;
            head.push(*extension);
            payload = behind;
        }
        if header & 0x02 != 0 {
            let (len, behind) = leb128(payload)?;
            payload = behind.get(..len)?;
        }
        let kind = header >> 3 & 0x0f;
        // Delimiters and tile lists do not go into files, and padding needs not.
        if matches!(kind, 0 | 2 | 8 | 15) {
            return Some(());
        }
        put_leb128(&mut head, payload.len());
        if kind == 1 {
            let whole = [head.as_slice(), payload].concat();
            self.pending = Some(Av1Format::new(payload, whole)?);
        }
        if matches!(kind, 3 | 6) {
            // Not shown again, and a key frame.
            open.keyframe |= payload.first()? & 0xe0 == 0;
        }
        open.extend(&head);
        open.extend(payload);
        Some(())
    }

    fn close(&mut self, open: Open, out: &mut Vec<Unit>) -> bool {
        let pending = self.pending.take().map(Format::Av1);
        if self.fragment.take().is_some() || open.broken {
            return false;
        }
        if let Some(format) = pending
            && self.format.as_deref() != Some(&format)
        {
            self.format = Some(Arc::new(format));
        }
        if open.data.is_empty() {
            return true;
        }
        let Some(format) = self.format.clone() else { return false };
        let Open { timestamp, arrived, data, keyframe, .. } = open;
        out.push(Unit { timestamp, arrived, keyframe, ticks: None, format, data });
        true
    }
}

/// A length, and what is behind it (AV1 bitstream specification section 4.10.5).
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(8) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(at + 1..)?));
        }
    }
    None
}

fn put_leb128(to: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            to.push(low);
            return;
        }
        to.push(low | 0x80);
    }
}
