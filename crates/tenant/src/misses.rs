//! API keys that are well-formed and nobody's, counted by network: each costs a look into the database.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use veza_core::Timestamp;

use crate::error::Error;

/// So many a minute from one network; then its unknown keys are refused unseen, until the minute is over.
const LIMIT: u32 = 300;
/// At most this many networks are remembered; then all are forgotten.
const CAPACITY: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Misses {
    counted: Mutex<HashMap<IpAddr, (Timestamp, u32)>>,
}

/// The network that an address stands for: one person commands a whole /64 of IPv6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => match long.to_ipv4_mapped() {
            Some(short) => IpAddr::V4(short),
            None => IpAddr::V6((long.to_bits() & !u128::from(u64::MAX)).into()),
        },
    }
}

impl Misses {
    /// Refuses a network that showed too many. Keys that are remembered from before never come here.
    pub(crate) fn check(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), Error> {
        let Some(from) = from else { return Ok(()) };
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        match counted.get(&network(from)) {
            Some((since, LIMIT..)) if is_current(*since, now) => {
                Err(Error::TooManyAttempts((*since + WINDOW - now).to_std().unwrap_or(Duration::ZERO)))
            }
            _ => Ok(()),
        }
    }

    /// Counts one more.
    pub(crate) fn count(&self, from: Option<IpAddr>, now: Timestamp) {
        let Some(from) = from else { return };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= CAPACITY {
            counted.clear();
        }
        let (since, count) = counted.entry(network(from)).or_insert((now, 0));
        if !is_current(*since, now) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
    }
}

const WINDOW: TimeDelta = TimeDelta::minutes(1);

fn is_current(since: Timestamp, now: Timestamp) -> bool {
    (TimeDelta::zero()..WINDOW).contains(&(now - since))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_network_is_refused_for_the_rest_of_its_minute() {
        let misses = Misses::default();
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let (from, other) = ("2001:db8::1".parse().ok(), "192.0.2.1".parse().ok());
        for _ in 0..LIMIT {
            misses.check(from, now).unwrap();
            misses.count(from, now);
        }
        let neighbour = "2001:db8::ffff:1".parse().ok();
        assert!(misses.check(neighbour, now).is_err(), "the same /64");
        assert!(misses.check(other, now).is_ok());
        assert!(misses.check(from, now + WINDOW).is_ok());
    }

    #[test]
    fn a_mapped_address_is_the_one_it_stands_for() {
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
