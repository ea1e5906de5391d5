//! A message whose parts still come.

use bytes::{Buf, BufMut, Bytes};
use bytestring::ByteString;

use super::mask::Mask;
use super::opcode::Kind;
use super::{Event, Violation};

/// A message whose bytes still come.
#[derive(Debug)]
pub(super) struct Assembly {
    kind: Kind,
    bytes: Vec<u8>,
    /// So many bytes of a text are whole, valid characters.
    checked: usize,
}

impl Assembly {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, bytes: Vec::new(), checked: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of heap.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the next `count` bytes of `input`, of a message that has at most `missing` more.
    pub(super) fn take(
        &mut self,
        input: &mut impl Buf,
        count: usize,
        missing: usize,
        mask: Option<&mut Mask>,
    ) {
        reserve(&mut self.bytes, count, missing);
        take(&mut self.bytes, input, count, mask);
    }

    /// Fails as soon as the text cannot become UTF-8, whatever follows.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        if self.kind == Kind::Binary {
            return Ok(());
        }
        match str::from_utf8(self.bytes.get(self.checked..).unwrap_or_default()) {
            Ok(valid) => self.checked += valid.len(),
            // The last character is not whole yet.
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::TextNotUtf8),
        }
        Ok(())
    }

    /// The whole message.
    pub(super) fn finish(mut self) -> Result<Event, Violation> {
        self.bytes.shrink_to_fit();
        let bytes = Bytes::from(self.bytes);
        match self.kind {
            Kind::Binary => Ok(Event::Binary(bytes)),
            Kind::Text => ByteString::try_from(bytes).map(Event::Text).or(Err(Violation::TextNotUtf8)),
        }
    }
}

/// Room for `count` more bytes. A buffer that grows doubles, so that many small pieces are not copied each
/// time, but never beyond what is `missing`: it holds at most twice of what came.
fn reserve(bytes: &mut Vec<u8>, count: usize, missing: usize) {
    if bytes.capacity() - bytes.len() < count {
        bytes.reserve_exact(bytes.len().min(missing).max(count));
    }
}

/// Moves `count` bytes of `input` to the end of `bytes`, unmasked.
pub(super) fn take(bytes: &mut Vec<u8>, input: &mut impl Buf, count: usize, mask: Option<&mut Mask>) {
    let start = bytes.len();
    bytes.put(input.take(count));
    if let (Some(mask), Some(came)) = (mask, bytes.get_mut(start..)) {
        mask.apply(came);
    }
}
