//! RFC 7798, without the decoding order numbers of interleaving, which browsers do not send.

use std::sync::Arc;

use super::assembly::{Assembly, Open};
use super::nal::{Fragments, aggregated, append};
use super::sets::{Sets, announced};
use crate::packet::Packet;
use crate::record::format::{Format, HevcFormat, hevc};
use crate::record::unit::Unit;

#[derive(Debug, Default)]
pub(crate) struct H265 {
    assembly: Assembly,
    fragments: Fragments,
    vps: Sets,
    sps: Sets,
    pps: Sets,
    changed: bool,
    format: Option<Arc<Format>>,
}

impl H265 {
    pub(super) fn new(format: &str) -> Self {
        let mut this = Self::default();
        for name in ["sprop-vps", "sprop-sps", "sprop-pps"] {
            for nal in announced(format, name) {
                this.keep(&nal);
            }
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
        let Some(([first, second], rest)) = payload.split_first_chunk::<2>() else { return false };
        let kind = first >> 1 & 0x3f;
        if kind != 49 && self.fragments.is_open() {
            self.fragments.drop_open();
            open.broken = true;
        }
        match kind {
            0..=47 => self.nal(payload, open),
            48 => match aggregated(rest) {
                Some(units) => units.into_iter().for_each(|nal| self.nal(nal, open)),
                None => return false,
            },
            49 => {
                let Some((header, part)) = rest.split_first() else { return false };
                let ends = (header & 0x80 != 0, header & 0x40 != 0);
                let begin = [first & 0x81 | (header & 0x3f) << 1, *second];
                let (fits, whole) = self.fragments.push(ends, &begin, part);
                if let Some(nal) = whole {
                    self.nal(&nal, open);
                }
                return fits;
            }
            _ => return false,
        }
        true
    }

    fn nal(&mut self, nal: &[u8], open: &mut Open) {
        let Some(first) = nal.first() else { return };
        match first >> 1 & 0x3f {
            32..=34 => self.keep(nal),
            // Delimiters, ends and filling mean nothing in a file.
            35..=38 => {}
            kind => {
                if kind < 32 {
                    open.begins(nal.get(2).is_some_and(|byte| byte & 0x80 != 0));
                    open.keyframe |= (16..=21).contains(&kind);
                }
                append(open, nal);
            }
        }
    }

    fn keep(&mut self, nal: &[u8]) {
        self.changed |= match nal.first().map(|first| first >> 1 & 0x3f) {
            Some(32) => self.vps.insert(hevc::vps_id(nal), nal),
            Some(33) => self.sps.insert(hevc::sps_id(nal), nal),
            Some(34) => self.pps.insert(hevc::pps_id(nal), nal),
            _ => false,
        };
    }

    /// Answers whether the unit is whole.
    fn close(&mut self, open: Open, out: &mut Vec<Unit>) -> bool {
        if open.broken {
            self.fragments.drop_open();
            return false;
        }
        if open.data.is_empty() {
            return true;
        }
        if std::mem::take(&mut self.changed)
            && let Some(format) = HevcFormat::new(self.vps.all(), self.sps.all(), self.pps.all())
        {
            self.format = Some(Arc::new(Format::Hevc(format)));
        }
        let Some(format) = self.format.clone() else { return false };
        let Open { timestamp, arrived, data, keyframe, .. } = open;
        out.push(Unit { timestamp, arrived, keyframe, ticks: None, format, data });
        true
    }
}
