//! The clock of a test.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use veza_core::{Clock, ManualClock, SystemClock, Timestamp};

/// The clock that a test and its database read: the machine's, or one that only the test moves.
#[derive(Debug, Clone)]
pub enum TestClock {
    /// The clock of this machine.
    System,
    /// Stands still until [`TestClock::advance`]; begins at 2026-11-20 12:00 UTC.
    Manual(Arc<ManualClock>),
}

impl TestClock {
    /// A clock that stands still.
    pub fn manual() -> Self {
        let start = DateTime::from_timestamp(1_795_176_000, 0).unwrap_or_default();
        Self::Manual(Arc::new(ManualClock::new(start)))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        Clock::now(self)
    }

    /// Moves a manual clock.
    ///
    /// # Panics
    /// For the clock of the machine: ask for `clock = "manual"`.
    pub fn advance(&self, step: TimeDelta) {
        match self {
            Self::Manual(clock) => clock.advance(step),
            Self::System => panic!("this test runs on the system's clock; say `clock = \"manual\"`"),
        }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        match self {
            Self::System => SystemClock.now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}
