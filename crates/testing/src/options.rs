//! What a test asks for in its attribute.

use veza_core::db::Migrator;

use crate::clock::TestClock;

/// The options of `#[tenant_test]` and `#[db_test]`.
#[derive(Debug, Clone)]
pub struct Options {
    manual_clock: bool,
    migrator: fn() -> Migrator,
}

impl Default for Options {
    fn default() -> Self {
        Self { manual_clock: false, migrator: Migrator::veza }
    }
}

impl Options {
    /// `clock = "manual"`: time stands still until the test moves it.
    #[must_use]
    pub fn manual_clock(mut self) -> Self {
        self.manual_clock = true;
        self
    }

    /// `migrator = path`: the history of the schema, with the embedder's own part of it.
    #[must_use]
    pub fn migrator(mut self, migrator: fn() -> Migrator) -> Self {
        self.migrator = migrator;
        self
    }

    pub(crate) fn clock(&self) -> TestClock {
        if self.manual_clock { TestClock::manual() } else { TestClock::System }
    }

    pub(crate) fn migrations(&self) -> Migrator {
        (self.migrator)()
    }
}
