//! RFC 7798, without the decoding order numbers of interleaving, which browsers do not send.

use super::nal::{Nals, Piece, Role, Syntax};
use super::sets::{Sets, announced};
use crate::record::format::{Format, HevcFormat, hevc};

#[derive(Debug, Default)]
pub(crate) struct H265 {
    vps: Sets,
    sps: Sets,
    pps: Sets,
}

impl H265 {
    /// With the parameter sets that stand in `a=fmtp`.
    pub(super) fn with(format: &str) -> Nals<Self> {
        let names = ["sprop-vps", "sprop-sps", "sprop-pps"];
        Nals::new(names.into_iter().flat_map(|name| announced(format, name)))
    }
}

impl Syntax for H265 {
    fn piece(payload: &[u8]) -> Option<Piece<'_>> {
        let ([first, second], rest) = payload.split_first_chunk::<2>()?;
        Some(match first >> 1 & 0x3f {
            0..=47 => Piece::Whole,
            48 => Piece::Several(rest),
            49 => {
                let (header, part) = rest.split_first()?;
                let ends = (header & 0x80 != 0, header & 0x40 != 0);
                Piece::Part { ends, header: vec![first & 0x81 | (header & 0x3f) << 1, *second], part }
            }
            _ => Piece::Unknown,
        })
    }

    fn role(nal: &[u8]) -> Role {
        let Some(first) = nal.first() else { return Role::Ignored };
        match first >> 1 & 0x3f {
            32..=34 => Role::Parameters,
            35..=38 => Role::Ignored,
            kind @ 0..32 => Role::Slice {
                begins: nal.get(2).is_some_and(|byte| byte & 0x80 != 0),
                keyframe: (16..=21).contains(&kind),
            },
            _ => Role::Other,
        }
    }

    fn keep(&mut self, nal: &[u8]) -> bool {
        match nal.first().map(|first| first >> 1 & 0x3f) {
            Some(32) => self.vps.insert(hevc::vps_id(nal), nal),
            Some(33) => self.sps.insert(hevc::sps_id(nal), nal),
            Some(34) => self.pps.insert(hevc::pps_id(nal), nal),
            _ => false,
        }
    }

    fn format(&self) -> Option<Format> {
        HevcFormat::new(self.vps.all(), self.sps.all(), self.pps.all()).map(Format::Hevc)
    }
}
