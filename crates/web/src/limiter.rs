//! Limits per key, kept in this process.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use veza_core::Clock;

use crate::gcra::{Decision, Limit, State, gcra};

const SHARDS: usize = 16;
/// Sweeping begins when a shard holds this many keys.
const FIRST_SWEEP: usize = 256;
/// A shard never holds more keys: 16 × 65,536 keys take about 100 MB at worst.
const MAX_KEYS: usize = 65_536;

/// Counts how often each key comes. Memory is bounded: keys whose burst is whole again are
/// forgotten, and beyond a million live keys some are forgotten early. It counts in one process:
/// behind a balancer over `n` processes a key gets up to `n` times its limit.
pub struct Limiter<K> {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: [Mutex<Shard<K>>; SHARDS],
}

struct Shard<K> {
    states: HashMap<K, State>,
    sweep_at: usize,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A limiter that has seen nobody.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let shard = |_| Mutex::new(Shard { states: HashMap::new(), sweep_at: FIRST_SWEEP });
        Self { clock, hasher: RandomState::new(), shards: std::array::from_fn(shard) }
    }

    /// Counts one more of `key`, if `limit` allows it.
    pub fn check(&self, key: &K, limit: Limit) -> Decision {
        let now = self.now();
        let shard = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0) % SHARDS;
        let Some(shard) = self.shards.get(shard) else { return gcra(State(0), now, limit).0 };
        // A panic while it is held leaves a map that is whole.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = shard.states.get_mut(key) {
            let (decision, next) = gcra(*state, now, limit);
            *state = next;
            return decision;
        }
        let (decision, next) = gcra(State(0), now, limit);
        shard.make_room(now);
        shard.states.insert(key.clone(), next);
        decision
    }

    /// What [`check`](Self::check) would say, without counting.
    pub fn peek(&self, key: &K, limit: Limit) -> Decision {
        let now = self.now();
        let shard = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0) % SHARDS;
        let known = self
            .shards
            .get(shard)
            .and_then(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).states.get(key).copied());
        gcra(known.unwrap_or_default(), now, limit).0
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        let length =
            |shard: &Mutex<Shard<K>>| shard.lock().unwrap_or_else(PoisonError::into_inner).states.len();
        self.shards.iter().map(length).sum()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().timestamp_micros()).unwrap_or(0).saturating_mul(1000)
    }
}

impl<K: Hash + Eq + Clone> Shard<K> {
    fn make_room(&mut self, now: u64) {
        if self.states.len() < self.sweep_at {
            return;
        }
        self.states.retain(|_, state| state.0 > now);
        while self.states.len() >= MAX_KEYS {
            let Some(any) = self.states.keys().next().cloned() else { break };
            self.states.remove(&any);
        }
        // Twice what is left: each sweep is paid for by as many keys that came since.
        self.sweep_at = self.states.len().saturating_mul(2).clamp(FIRST_SWEEP, MAX_KEYS);
    }
}

impl<K> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use veza_core::{ManualClock, SystemClock};

    use super::*;

    #[test]
    fn keys_do_not_share() {
        let limiter = Limiter::new(Arc::new(ManualClock::new(SystemClock.now())));
        let limit = Limit::per_minute(1);
        assert!(limiter.check(&"alice", limit).allowed);
        assert!(!limiter.check(&"alice", limit).allowed);
        assert!(!limiter.peek(&"alice", limit).allowed);
        assert!(limiter.peek(&"mallory", limit).allowed, "a look counts nothing");
        assert!(limiter.check(&"mallory", limit).allowed);
    }

    #[test]
    fn keys_that_rested_are_forgotten() {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let limiter = Limiter::new(clock.clone());
        for round in 0..50_u32 {
            for key in 0..1_000_u32 {
                limiter.check(&(round * 1_000 + key), Limit::per_minute(10));
            }
            clock.advance(chrono::TimeDelta::seconds(60));
        }
        assert!(limiter.len() <= SHARDS * FIRST_SWEEP * 2, "{}", limiter.len());
    }
}
