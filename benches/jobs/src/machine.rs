//! What the machine is busy with.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;

pub fn load_average() -> Outcome<String> {
    Ok(fs::read_to_string("/proc/loadavg")?.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// Nanoseconds of a clock that all processes of the machine share.
pub fn nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap_or(0)
}

/// The time since then, in seconds.
pub fn seconds_since(began: u64) -> f64 {
    (nanos() - began) as f64 / 1e9
}
