//! What happens by chance, out of a seed.

use veza_core::{Random, SeededRandom, bytes};

/// Chance that repeats itself for the same seed.
#[derive(Debug)]
pub(crate) struct Dice(SeededRandom);

impl Dice {
    /// That of `who` in a schedule.
    pub(crate) fn new(seed: u64, who: u64) -> Self {
        Self(SeededRandom::new(seed.wrapping_mul(1_000_003).wrapping_add(who)))
    }

    /// From 0 to `bound`, which it is not.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        u64::from_le_bytes(bytes(&self.0)) % bound
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        let length = u64::try_from(from.len()).unwrap();
        &from[usize::try_from(self.below(length)).unwrap()]
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &self.0
    }
}
