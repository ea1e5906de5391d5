//! RFC 6184.

use super::nal::{Nals, Piece, Role, Syntax};
use super::sets::{Sets, announced};
use crate::record::format::{AvcFormat, Format, avc};

#[derive(Debug, Default)]
pub(crate) struct H264 {
    sps: Sets,
    pps: Sets,
}

impl H264 {
    /// With the parameter sets that stand in `a=fmtp`.
    pub(super) fn with(format: &str) -> Nals<Self> {
        Nals::new(announced(format, "sprop-parameter-sets"))
    }
}

impl Syntax for H264 {
    fn piece(payload: &[u8]) -> Option<Piece<'_>> {
        let Some((first, rest)) = payload.split_first() else { return Some(Piece::Nothing) };
        Some(match first & 0x1f {
            1..=23 => Piece::Whole,
            24 => Piece::Several(rest),
            28 => {
                let (header, part) = rest.split_first()?;
                let ends = (header & 0x80 != 0, header & 0x40 != 0);
                Piece::Part { ends, header: vec![first & 0xe0 | header & 0x1f], part }
            }
            // Interleaved modes were not agreed.
            _ => Piece::Unknown,
        })
    }

    fn role(nal: &[u8]) -> Role {
        let Some(first) = nal.first() else { return Role::Ignored };
        match first & 0x1f {
            7 | 8 => Role::Parameters,
            9..=12 => Role::Ignored,
            // The first slice begins with macroblock 0, whose code is one bit.
            kind @ (1 | 5) => {
                Role::Slice { begins: nal.get(1).is_some_and(|byte| byte & 0x80 != 0), keyframe: kind == 5 }
            }
            _ => Role::Other,
        }
    }

    fn keep(&mut self, nal: &[u8]) -> bool {
        match nal.first().map(|first| first & 0x1f) {
            Some(7) => self.sps.insert(avc::sps_id(nal), nal),
            Some(8) => self.pps.insert(avc::pps_id(nal), nal),
            _ => false,
        }
    }

    fn format(&self) -> Option<Format> {
        AvcFormat::new(self.sps.all(), self.pps.all()).map(Format::Avc)
    }
}
