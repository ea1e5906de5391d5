//! NAL units, as H.264 and H.265 have them.

use super::assembly::Open;

/// A NAL unit that comes in several packets.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    bytes: Option<Vec<u8>>,
}

impl Fragments {
    /// Takes a part; `header` begins the unit when this is its first. Answers the unit with its last part, and whether
    /// the part fits to what was there.
    pub(super) fn push(&mut self, ends: (bool, bool), header: &[u8], part: &[u8]) -> (bool, Option<Vec<u8>>) {
        let (first, last) = ends;
        if first {
            self.bytes = Some(header.to_vec());
        }
        let Some(bytes) = &mut self.bytes else { return (false, None) };
        if bytes.len() + part.len() > crate::record::unit::MAX_UNIT {
            self.bytes = None;
            return (false, None);
        }
        bytes.extend_from_slice(part);
        (true, if last { self.bytes.take() } else { None })
    }

    /// Whether a unit waits for its end.
    pub(super) fn is_open(&self) -> bool {
        self.bytes.is_some()
    }

    pub(super) fn drop_open(&mut self) {
        self.bytes = None;
    }
}

/// NAL units of a packet that holds several, each behind its length. None where a length is wrong.
pub(super) fn aggregated(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    while let Some((len, behind)) = rest.split_first_chunk::<2>() {
        let (unit, behind) = behind.split_at_checked(u16::from_be_bytes(*len).into())?;
        units.push(unit);
        rest = behind;
    }
    rest.is_empty().then_some(units)
}

/// Puts a NAL unit into an access unit, as files have it: behind its length.
pub(super) fn append(open: &mut Open, nal: &[u8]) {
    let Ok(len) = u32::try_from(nal.len()) else { return };
    open.extend(&len.to_be_bytes());
    open.extend(nal);
}
