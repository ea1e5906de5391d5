//! How fast a publisher sends.

use veza_core::Timestamp;

/// A publisher may go beyond its bit rate by a third, averaged over the time between two looks: encoders aim at it and
/// miss.
const TOLERANCE: (i64, i64) = (4, 3);

/// Nothing is judged by less time than this, in milliseconds.
const SHORTEST: i64 = 1_000;

/// What a publisher had sent when it was judged last. It is the judge's own: what others read of a session in between does
/// not move it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    at: Timestamp,
    received: i64,
}

impl Pace {
    /// Of a publisher from which media may flow as of `connected_at`. What it sent before is counted to what follows.
    pub(crate) const fn from(connected_at: Timestamp) -> Self {
        Self { at: connected_at, received: 0 }
    }

    /// Whether a publisher that sent `received` bytes by `now` sent more since the last time than `max_kbps` let it.
    pub(crate) fn is_beyond(&mut self, now: Timestamp, received: i64, max_kbps: u32) -> bool {
        let milliseconds = (now - self.at).num_milliseconds();
        if milliseconds < SHORTEST {
            return false;
        }
        // Bits in a millisecond are kbit in a second.
        let bits = received.saturating_sub(self.received).saturating_mul(8);
        *self = Self { at: now, received };
        let (most, of) = TOLERANCE;
        bits.saturating_mul(of) > milliseconds.saturating_mul(i64::from(max_kbps)).saturating_mul(most)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn after(milliseconds: i64) -> Timestamp {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(milliseconds)
    }

    #[test]
    fn a_third_beyond_the_bit_rate_is_too_much() {
        // 1,000 kbit/s are 1,250,000 bytes in ten seconds.
        for (received, is_beyond) in [(1_250_000, false), (1_666_666, false), (1_666_668, true)] {
            assert_eq!(Pace::from(after(0)).is_beyond(after(10_000), received, 1_000), is_beyond);
        }
        let mut pace = Pace::from(after(0));
        assert!(pace.is_beyond(after(1_000), i64::MAX, 1), "from the first second on");
    }

    #[test]
    fn a_time_too_short_to_tell_is_counted_to_the_next() {
        let mut pace = Pace::from(after(0));
        for look in 1..=9 {
            assert!(!pace.is_beyond(after(look * 100), 10_000_000, 1_000));
        }
        assert!(pace.is_beyond(after(1_000), 10_000_000, 1_000));
        assert!(!pace.is_beyond(after(2_000), 10_125_000, 1_000), "what was judged is judged once");
        assert!(!pace.is_beyond(after(2_999), 10_400_000, 1_000));
        assert!(pace.is_beyond(after(3_000), 10_400_000, 1_000));
    }
}
