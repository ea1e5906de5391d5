//! How much of a body is taken at a time: the more bodies come in at once, the less of each.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that all bodies together may hold in memory between two steps. 16 take steps of the usual size.
const HELD: usize = 4 * 1024 * 1024;
/// The smallest step: less is not worth the way to another thread.
const LEAST: usize = 64 * 1024;

/// The writers of a directory.
#[derive(Debug, Default)]
pub(super) struct Writers(AtomicUsize);

impl Writers {
    /// One more, until it is dropped.
    pub(super) fn enter(&self) -> Writer<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Writer(self)
    }
}

pub(super) struct Writer<'a>(&'a Writers);

impl Writer<'_> {
    /// Bytes of the next step, where `usual` would be taken alone.
    pub(super) fn step(&self, usual: usize) -> usize {
        let share = HELD / self.0.0.load(Ordering::Relaxed).max(1);
        usual.min(share.max(LEAST))
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_shrink_with_the_number_of_writers() {
        let writers = Writers::default();
        let usual = 256 * 1024;
        let alone = writers.enter();
        assert_eq!(alone.step(usual), usual);
        let mut others: Vec<_> = (1..32).map(|_| writers.enter()).collect();
        assert_eq!(alone.step(usual), usual / 2);
        others.extend((32..10_000).map(|_| writers.enter()));
        assert_eq!(alone.step(usual), LEAST);
        assert_eq!(alone.step(1_000), 1_000, "a directory with smaller steps keeps them");
        drop(others);
        assert_eq!(alone.step(usual), usual);
    }
}
