//! How often something may happen: the generic cell rate algorithm (ITU-T I.371), as a function.

use std::time::Duration;

/// So many at once, and the same number again, spread evenly, in each period. In a window of
/// length `t` at most `burst + burst · t / period` are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many may come at once. 0 allows nothing.
    pub burst: u32,
    /// In which time the burst comes back whole.
    pub period: Duration,
}

impl Limit {
    /// `count` a minute.
    pub const fn per_minute(count: u32) -> Self {
        Self { burst: count, period: Duration::from_mins(1) }
    }

    /// `count` an hour.
    pub const fn per_hour(count: u32) -> Self {
        Self { burst: count, period: Duration::from_hours(1) }
    }

    /// The time one costs, rounded up: the limit is never exceeded by rounding.
    fn cost(self) -> u64 {
        nanoseconds(self.period).div_ceil(u64::from(self.burst.max(1))).max(1)
    }

    /// The time that all of the burst costs: how far ahead of the present the state may be.
    fn tolerance(self) -> u64 {
        self.cost().saturating_mul(u64::from(self.burst))
    }
}

/// What is remembered about a key: the time when all its burst is back (the "theoretical arrival
/// time"), in nanoseconds on the same scale as `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State(pub u64);

/// Whether one more is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is.
    pub allowed: bool,
    /// How many more would be allowed right now.
    pub remaining: u32,
    /// When not allowed: how long until one is.
    pub retry_after: Duration,
    /// How long until the whole burst is back.
    pub reset_after: Duration,
    /// The limit that was applied.
    pub limit: Limit,
}

/// Decides about one more at `now` (nanoseconds) and gives the state to remember.
pub fn gcra(state: State, now: u64, limit: Limit) -> (Decision, State) {
    let (cost, tolerance) = (limit.cost(), limit.tolerance());
    // A state further ahead than the tolerance was made under another limit, or the clock went back.
    let before = state.0.clamp(now, now.saturating_add(tolerance));
    let after = before.saturating_add(cost);
    let latest = now.saturating_add(tolerance);
    let allowed = after <= latest;
    let state = if allowed { after } else { before };
    let decision = Decision {
        allowed,
        remaining: u32::try_from(latest.saturating_sub(state) / cost).unwrap_or(u32::MAX),
        retry_after: if allowed {
            Duration::ZERO
        } else {
            Duration::from_nanos(after.saturating_sub(latest).max(1))
        },
        reset_after: Duration::from_nanos(state.saturating_sub(now)),
        limit,
    };
    (decision, State(state))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_and_then_one_by_one() {
        let limit = Limit { burst: 3, period: Duration::from_secs(3) };
        let mut state = State(0);
        let mut ask = |now| {
            let (decision, next) = gcra(state, now, limit);
            state = next;
            (decision.allowed, decision.remaining, decision.retry_after.as_secs())
        };
        assert_eq!(ask(100 * SECOND), (true, 2, 0));
        assert_eq!(ask(100 * SECOND), (true, 1, 0));
        assert_eq!(ask(100 * SECOND), (true, 0, 0));
        assert_eq!(ask(100 * SECOND), (false, 0, 1));
        assert_eq!(ask(101 * SECOND), (true, 0, 0));
        assert_eq!(ask(200 * SECOND), (true, 2, 0));
    }

    #[test]
    fn nothing_a_minute_is_nothing() {
        let (decision, _) = gcra(State(0), 5, Limit::per_minute(0));
        assert!(!decision.allowed);
        assert_eq!(decision.retry_after, Duration::from_mins(1));
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out_for_long() {
        let limit = Limit::per_minute(60);
        let (_, state) = gcra(State(0), 1_000_000 * SECOND, limit);
        let (decision, _) = gcra(state, SECOND, limit);
        assert!(decision.retry_after <= Duration::from_secs(1));
    }

    /// The reference: a bucket of `burst` tokens in exact fractions (tokens × period).
    struct Bucket {
        level: u128,
        at: u64,
    }

    impl Bucket {
        fn take(&mut self, now: u64, limit: Limit) -> bool {
            let (burst, period) = (u128::from(limit.burst), limit.period.as_nanos());
            self.level = (self.level + u128::from(now - self.at) * burst).min(burst * period);
            self.at = now;
            let taken = self.level >= period;
            if taken {
                self.level -= period;
            }
            taken
        }
    }

    proptest! {
        #[test]
        fn it_admits_what_a_bucket_admits(
            burst in 1_u32..50,
            period in 1_u64..120,
            steps in proptest::collection::vec(0_u64..2_000_000_000, 1..300),
        ) {
            let limit = Limit { burst, period: Duration::from_secs(period) };
            let mut bucket = Bucket { level: u128::from(burst) * limit.period.as_nanos(), at: SECOND };
            let (mut state, mut now, mut model) = (State(0), SECOND, 0_i64);
            let mut admitted: Vec<u64> = Vec::new();
            for step in steps {
                now += step;
                let (decision, next) = gcra(state, now, limit);
                state = next;
                model += i64::from(bucket.take(now, limit));
                if decision.allowed {
                    admitted.push(now);
                } else {
                    let later = now + u64::try_from(decision.retry_after.as_nanos()).unwrap();
                    prop_assert!(gcra(state, later, limit).0.allowed);
                }
                let count = i64::try_from(admitted.len()).unwrap();
                prop_assert!(count <= model && count >= model - 1, "{count} of {model}");
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let window = u128::from(to - from) * u128::from(burst) / limit.period.as_nanos();
                    prop_assert!(u128::try_from(last - first + 1).unwrap() <= u128::from(burst) + window);
                }
            }
        }
    }
}
