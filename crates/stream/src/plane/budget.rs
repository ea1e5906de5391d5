//! How much a peer may send.

use std::time::Instant;

/// So many at once, and so many a second after that (a token bucket).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    at_once: u32,
    per_second: u32,
    left: u32,
    since: Instant,
}

impl Budget {
    pub(crate) fn new(at_once: u32, per_second: u32, now: Instant) -> Self {
        Self { at_once, per_second, left: at_once, since: now }
    }

    /// Whether there may be one more.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.left == 0 {
            let since = now.saturating_duration_since(self.since).as_micros();
            let more = since * u128::from(self.per_second) / 1_000_000;
            if more > 0 {
                self.left = u32::try_from(more).unwrap_or(u32::MAX).min(self.at_once);
                self.since = now;
            }
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Budget;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn so_many_at_once_and_so_many_a_second() {
        let begin = Instant::now();
        let mut budget = Budget::new(10, 5, begin);
        let mut taken = |after: u64| {
            let now = begin + Duration::from_millis(after);
            (0..100).filter(|_| budget.take(now)).count()
        };
        assert_eq!(taken(0), 10);
        assert_eq!(taken(100), 0, "half of one");
        assert_eq!(taken(1_000), 5);
        assert_eq!(taken(1_200), 1);
        assert_eq!(taken(3_600_000), 10, "nothing is saved up beyond that");
    }
}
