//! How much all rooms together keep in memory.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of events that all rooms together should keep.
const MOST: usize = 256 * 1024 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Memory {
    bytes: AtomicUsize,
}

impl Memory {
    /// Somebody keeps `after` bytes in place of `before`.
    pub(super) fn replace(&self, before: usize, after: usize) {
        if after >= before {
            self.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > MOST
    }
}
