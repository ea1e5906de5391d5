//! Randomness as a parameter.

use std::sync::Mutex;

use sha2::{Digest, Sha256};

/// Where random bytes come from. Everything secret or unique is made of them.
pub trait Random: Send + Sync + std::fmt::Debug + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    /// When the operating system has no randomness to give. A server that went on with
    /// predictable secrets would be worse than one that stops.
    #[allow(clippy::expect_used, reason = "see # Panics")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// A generator that repeats itself for the same seed. For tests alone: its output is no secret.
#[derive(Debug)]
pub struct SeededRandom {
    state: Mutex<(u64, u64)>,
}

impl SeededRandom {
    /// A generator whose whole output follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new((seed, 0)) }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(32) {
            state.1 = state.1.wrapping_add(1);
            let block = Sha256::new().chain_update(state.0.to_le_bytes()).chain_update(state.1.to_le_bytes());
            for (to, from) in chunk.iter_mut().zip(block.finalize()) {
                *to = from;
            }
        }
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}
