//! Parameter sets that came so far, by id.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The most bytes of a set. Encoders write some dozens, and a file's header has a length of 16 bits.
const MAX_SET: usize = 4_096;

/// Sets of one kind; ids are bounded by what reads them.
#[derive(Debug, Default)]
pub(super) struct Sets {
    by_id: BTreeMap<u32, Vec<u8>>,
    last: Option<u32>,
}

impl Sets {
    /// Keeps a set; answers whether anything changed.
    pub(super) fn insert(&mut self, id: Option<u32>, nal: &[u8]) -> bool {
        let Some(id) = id.filter(|_| nal.len() <= MAX_SET) else { return false };
        let moved = self.last.replace(id) != Some(id);
        if self.by_id.get(&id).is_some_and(|known| known == nal) {
            return moved;
        }
        self.by_id.insert(id, nal.to_vec());
        true
    }

    /// All of them, the last one that came first.
    pub(super) fn all(&self) -> Vec<Vec<u8>> {
        let last = self.last.and_then(|id| self.by_id.get(&id));
        let others = self.by_id.iter().filter(|(id, _)| Some(**id) != self.last).map(|(_, nal)| nal);
        last.into_iter().chain(others).cloned().collect()
    }
}

/// The value of a parameter of `a=fmtp`.
fn parameter<'f>(format: &'f str, name: &str) -> Option<&'f str> {
    let pairs = format.split(';').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// NAL units that stand in a parameter of `a=fmtp` (RFC 6184 section 8.1, RFC 7798 section 7.1).
pub(super) fn announced(format: &str, name: &str) -> Vec<Vec<u8>> {
    let value = parameter(format, name).unwrap_or_default();
    value.split(',').filter_map(|text| BASE64.decode(text.trim()).ok()).collect()
}
