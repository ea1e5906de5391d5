//! How much happens in a schedule.

use std::time::Duration;

/// Of one schedule, and how many share the same trouble.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Schedules that run at the same time, each with tenants, rooms, clients and cut connections of its own.
    pub(crate) at_once: u64,
    /// Pieces of trouble.
    pub(crate) troubles: u64,
    /// People of a tenant; the last of them uses the client that keeps itself connected.
    pub(crate) people: u64,
    /// The longest pause of somebody who acts.
    pub(crate) pace: Duration,
    /// In one of so many schedules rooms begin with more than waits for one connection; in others with little.
    full: u64,
}

impl Size {
    /// Many schedules in little time.
    pub(crate) const SHORT: Self =
        Self { at_once: 5, troubles: 2, people: 3, pace: Duration::from_millis(40), full: 10 };
    /// As much in each as a machine can take.
    pub(crate) const LONG: Self =
        Self { at_once: 1, troubles: 4, people: 4, pace: Duration::from_millis(12), full: 1 };

    /// How many messages are in each room from the beginning.
    pub(crate) fn old(self, seed: u64) -> u64 {
        if seed.is_multiple_of(self.full) { 150 } else { 3 }
    }
}
