//! A bad road between a peer and the plane: what travels on it is late, out of order, or lost.

use std::time::{Duration, Instant};

/// One direction of it.
pub(crate) struct Road {
    state: u64,
    /// Of a hundred datagrams, how many are lost.
    loss: u64,
    delay: Duration,
    jitter: Duration,
    travelling: Vec<(Instant, Vec<u8>)>,
    pub(crate) lost: usize,
    pub(crate) overtaken: usize,
}

impl Road {
    pub(crate) fn new(seed: u64, loss: u64, delay: Duration, jitter: Duration) -> Self {
        Self { state: seed, loss, delay, jitter, travelling: Vec::new(), lost: 0, overtaken: 0 }
    }

    /// A number below `end`, the same each time for the same seed.
    fn below(&mut self, end: u64) -> u64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % end
    }

    pub(crate) fn send(&mut self, datagram: &[u8]) {
        if self.below(100) < self.loss {
            self.lost += 1;
            return;
        }
        let jitter = Duration::from_micros(self.below(u64::try_from(self.jitter.as_micros()).unwrap()));
        let arrives = Instant::now() + self.delay + jitter;
        self.overtaken += usize::from(self.travelling.iter().any(|(other, _)| *other > arrives));
        self.travelling.push((arrives, datagram.to_vec()));
    }

    /// What has arrived by now, in its order.
    pub(crate) fn arrived(&mut self) -> Vec<Vec<u8>> {
        let now = Instant::now();
        self.travelling.sort_by_key(|(arrives, _)| *arrives);
        let count = self.travelling.iter().take_while(|(arrives, _)| *arrives <= now).count();
        self.travelling.drain(..count).map(|(_, datagram)| datagram).collect()
    }
}
