//! RFC 6184.

use std::sync::Arc;

use super::assembly::{Assembly, Open};
use super::nal::{Fragments, aggregated, append};
use super::sets::{Sets, announced};
use crate::packet::Packet;
use crate::record::format::{AvcFormat, Format, avc};
use crate::record::unit::Unit;

#[derive(Debug, Default)]
pub(crate) struct H264 {
    assembly: Assembly,
    fragments: Fragments,
    sps: Sets,
    pps: Sets,
    changed: bool,
    format: Option<Arc<Format>>,
}

impl H264 {
    pub(super) fn new(format: &str) -> Self {
        let mut this = Self::default();
        for nal in announced(format, "sprop-parameter-sets") {
            this.keep(&nal);
        }
        this
    }

    pub(super) fn lost(&mut self) {
        self.assembly.lost();
        self.fragments.drop_open();
    }

    pub(super) fn push(&mut self, packet: &Packet, out: &mut Vec<Unit>) -> bool {
        let mut assembly = std::mem::take(&mut self.assembly);
        let (ended, open) = assembly.enter(packet);
        let mut good = ended.is_none_or(|ended| self.close(ended, out));
        if !self.payload(&packet.payload, open) {
            open.broken = true;
        }
        let ended = if packet.marker { assembly.finish() } else { None };
        self.assembly = assembly;
        good &= ended.is_none_or(|ended| self.close(ended, out));
        good
    }

    fn payload(&mut self, payload: &[u8], open: &mut Open) -> bool {
        let Some((first, rest)) = payload.split_first() else { return true };
        let kind = first & 0x1f;
        if kind != 28 && self.fragments.is_open() {
            self.fragments.drop_open();
            open.broken = true;
        }
        match kind {
            1..=23 => self.nal(payload, open),
            24 => match aggregated(rest) {
                Some(units) => units.into_iter().for_each(|nal| self.nal(nal, open)),
                None => return false,
            },
            28 => {
                let Some((header, part)) = rest.split_first() else { return false };
                let ends = (header & 0x80 != 0, header & 0x40 != 0);
                let (fits, whole) = self.fragments.push(ends, &[first & 0xe0 | header & 0x1f], part);
                if let Some(nal) = whole {
                    self.nal(&nal, open);
                }
                return fits;
            }
            // Interleaved modes were not agreed.
            _ => return false,
        }
        true
    }

    fn nal(&mut self, nal: &[u8], open: &mut Open) {
        let Some(first) = nal.first() else { return };
        match first & 0x1f {
            7 | 8 => self.keep(nal),
            // Delimiters, ends and filling mean nothing in a file.
            9..=12 => {}
            kind => {
                if matches!(kind, 1 | 5) {
                    // The first slice begins with macroblock 0, whose code is one bit.
                    open.begins(nal.get(1).is_some_and(|byte| byte & 0x80 != 0));
                    open.keyframe |= kind == 5;
                }
                append(open, nal);
            }
        }
    }

    fn keep(&mut self, nal: &[u8]) {
        self.changed |= match nal.first().map(|first| first & 0x1f) {
            Some(7) => self.sps.insert(avc::sps_id(nal), nal),
            Some(8) => self.pps.insert(avc::pps_id(nal), nal),
            _ => false,
        };
    }

    /// Answers whether the unit is whole.
    fn close(&mut self, open: Open, out: &mut Vec<Unit>) -> bool {
        if open.broken {
            self.fragments.drop_open();
            return false;
        }
        // Parameter sets may come alone.
        if open.data.is_empty() {
            return true;
        }
        if std::mem::take(&mut self.changed)
            && let Some(format) = AvcFormat::new(self.sps.all(), self.pps.all())
        {
            self.format = Some(Arc::new(Format::Avc(format)));
        }
        let Some(format) = self.format.clone() else { return false };
        let Open { timestamp, arrived, data, keyframe, .. } = open;
        out.push(Unit { timestamp, arrived, keyframe, ticks: None, format, data });
        true
    }
}
