//! A shop on Veza: one table, three routes, one job, and the tests that show that tenants do not see each other.

pub mod order;
pub mod packing;
pub mod route;

use veza::core::db::{Migration, Migrator};

/// Veza's migrations and ours, in one history.
pub fn migrator() -> Migrator {
    Migrator::veza().with(&[Migration {
        name: "2026-12-01-090000_shop_create_orders",
        sql: include_str!("../migrations/orders.sql"),
    }])
}
