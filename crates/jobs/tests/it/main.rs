//! The queue engine on a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

mod bounds;
mod cancel;
mod catalogue;
mod counts;
mod crowd;
mod dead;
#[cfg(any(feature = "notify", feature = "redis"))]
mod doorbell;
mod enqueue;
mod hold;
mod idle;
mod in_use;
mod isolation;
mod lane;
mod limits;
mod list;
mod outcome;
mod pull;
mod redrive;
mod replays;
mod runtime;
mod schedules;
mod topics;
mod totals;
mod traces;
mod unclaim;
#[cfg(feature = "webhook")]
mod webhook;
mod work;
