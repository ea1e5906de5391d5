//! When to connect again.

use std::time::Duration;

use veza_core::Random;

use super::error::LinkError;

/// Pauses between attempts to connect: each is drawn from zero to a bound that doubles, so that clients who lost the
/// same server do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first pause.
    pub first: Duration,
    /// The bound of the longest one.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(30) }
    }
}

/// What the end of a connection asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Connect again at once.
    Now,
    /// Connect again after a pause.
    Pause,
    /// The same with another token.
    Renew,
    /// What was sent must not be sent again; the rest goes on after a pause.
    Drop,
    /// Do not connect again.
    Stop,
}

impl Next {
    /// The rules of PROTOCOL.md.
    pub(super) fn after(error: &LinkError) -> Self {
        match error {
            LinkError::Refused(401) => Self::Renew,
            LinkError::Refused(403 | 404) => Self::Stop,
            _ => match error.close_code() {
                Some(1001 | 4000..=4099) => Self::Now,
                Some(1002 | 1007 | 1009) => Self::Drop,
                Some(4401) => Self::Renew,
                Some(4400..=4499) => Self::Stop,
                _ => Self::Pause,
            },
        }
    }
}

impl Backoff {
    /// The pause before the attempt that comes after `failures` of them.
    pub(super) fn pause(&self, failures: u32, random: &dyn Random) -> Duration {
        let bound = self.first.saturating_mul(1 << failures.min(16)).min(self.longest);
        let drawn = u32::from_le_bytes(veza_core::bytes(random));
        bound.mul_f64(f64::from(drawn) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use veza_core::SystemRandom;

    use super::*;
    use crate::frame::{Close, CloseCode};

    #[test]
    fn follows_the_table_of_close_codes() {
        let after =
            |code| Next::after(&LinkError::Closed(CloseCode::new(code).map(|code| Close::new(code, ""))));
        for (code, next) in [
            (1000, Next::Pause),
            (1001, Next::Now),
            (1002, Next::Drop),
            (1009, Next::Drop),
            (1011, Next::Pause),
            (4000, Next::Now),
            (4099, Next::Now),
            (4100, Next::Pause),
            (4199, Next::Pause),
            (4400, Next::Stop),
            (4401, Next::Renew),
            (4403, Next::Stop),
            (4499, Next::Stop),
            (4500, Next::Pause),
        ] {
            assert_eq!(after(code), next, "{code}");
        }
        assert_eq!(Next::after(&LinkError::Closed(None)), Next::Pause);
        assert_eq!(Next::after(&LinkError::Refused(503)), Next::Pause);
        assert_eq!(Next::after(&LinkError::Refused(401)), Next::Renew);
    }

    #[test]
    fn pauses_stay_below_a_bound_that_doubles() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        for (failures, bound) in [(0, 100), (1, 200), (2, 400), (3, 800), (4, 1_000), (40, 1_000)] {
            let longest = (0..200).map(|_| backoff.pause(failures, &SystemRandom)).max().unwrap();
            assert!(longest <= Duration::from_millis(bound), "{failures}: {longest:?}");
            assert!(longest > Duration::from_millis(bound / 2), "{failures}: {longest:?}");
        }
    }
}
