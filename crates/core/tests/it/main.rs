//! The tenant boundary and the machinery around it, against a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed step of a test is a failed test"
)]

mod canaries;
mod cancellation;
mod catalogue;
mod commit;
mod compile_fail;
mod conflicts;
mod executor;
mod idempotency;
mod migrations;
mod outage;
mod page;
mod panics;
mod pooled;
mod rows;
mod savepoint;
mod shop;
mod statement;
mod unset;
mod usage;
