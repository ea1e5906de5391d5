//! Memory that is used again: new memory costs more than the bytes that are read into it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Pieces that are kept: one is read into while another is on its way.
const KEPT: usize = 2;

/// The memory of one reader. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Bytes of a piece.
    pub(super) size: usize,
}

impl Shelf {
    pub(super) fn new(size: usize) -> Self {
        Self { free: Arc::default(), size }
    }

    /// A piece, with whatever is in it.
    pub(super) fn take(&self) -> Vec<u8> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| vec![0; self.size])
    }

    pub(super) fn put(&self, memory: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(memory);
        }
    }

    /// The first bytes of a piece, which comes back when nobody has them any more.
    pub(super) fn lend(&self, memory: Vec<u8>, len: usize) -> Bytes {
        Bytes::from_owner(Lent { memory, len, shelf: self.clone() })
    }
}

struct Lent {
    memory: Vec<u8>,
    len: usize,
    shelf: Shelf,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.shelf.put(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_when_its_last_reader_has_gone() {
        let shelf = Shelf::new(10);
        let mut memory = shelf.take();
        let place = memory.as_ptr();
        memory.copy_from_slice(b"0123456789");
        let mut lent = shelf.lend(memory, 4);
        let first = lent.split_to(1);
        assert_eq!((&first[..], &lent[..]), (&b"0"[..], &b"123"[..]));
        drop(first);
        let other = shelf.take();
        assert_ne!(other.as_ptr(), place, "somebody reads it");
        drop(lent);
        let again = shelf.take();
        assert_eq!(again.as_ptr(), place);
    }
}
