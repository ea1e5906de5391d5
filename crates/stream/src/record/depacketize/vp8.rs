//! RFC 7741.

use std::sync::Arc;

use super::assembly::{Assembly, Open};
use crate::packet::Packet;
use crate::record::format::{Format, vp8_size};
use crate::record::unit::Unit;

#[derive(Debug, Default)]
pub(crate) struct Vp8 {
    assembly: Assembly,
    format: Option<Arc<Format>>,
}

impl Vp8 {
    pub(super) fn lost(&mut self) {
        self.assembly.lost();
    }

    pub(super) fn push(&mut self, packet: &Packet, out: &mut Vec<Unit>) -> bool {
        let (ended, open) = self.assembly.enter(packet);
        match descriptor(&packet.payload) {
            Some((begins, part)) => {
                open.doubtful |= open.data.is_empty();
                open.begins(begins || !open.data.is_empty());
                open.extend(part);
            }
            None => open.broken = true,
        }
        let marked = if packet.marker { self.assembly.finish() } else { None };
        let mut good = true;
        for ended in ended.into_iter().chain(marked) {
            good &= self.close(ended, out);
        }
        good
    }

    fn close(&mut self, open: Open, out: &mut Vec<Unit>) -> bool {
        if open.broken || open.data.is_empty() {
            return false;
        }
        let Open { timestamp, arrived, data, .. } = open;
        let size = vp8_size(&data);
        let keyframe = size.is_some();
        if let Some(format) = size.map(Format::Vp8)
            && self.format.as_deref() != Some(&format)
        {
            self.format = Some(Arc::new(format));
        }
        let Some(format) = self.format.clone() else { return false };
        out.push(Unit { timestamp, arrived, keyframe, ticks: None, format, data });
        true
    }
}

/// Whether a packet begins a frame, and what is behind its descriptor (section 4.2).
fn descriptor(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (first, mut rest) = payload.split_first()?;
    let begins = first & 0x17 == 0x10;
    if first & 0x80 != 0 {
        let (more, behind) = rest.split_first()?;
        rest = behind;
        if more & 0x80 != 0 {
            let long = rest.first()? & 0x80 != 0;
            rest = rest.get(if long { 2 } else { 1 }..)?;
        }
        if more & 0x40 != 0 {
            rest = rest.get(1..)?;
        }
        if more & 0x30 != 0 {
            rest = rest.get(1..)?;
        }
    }
    Some((begins, rest))
}
