//! The queue engine on a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it did not expect"
)]

#[cfg(any(feature = "notify", feature = "redis"))]
mod doorbell;
mod enqueue;
mod isolation;
mod outcome;
mod runtime;
#[cfg(feature = "webhook")]
mod webhook;
mod work;
