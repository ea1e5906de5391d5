//! Rooms on a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

#[cfg(feature = "redis")]
mod bus;
mod catalogue;
mod contract;
mod isolation;
mod live;
mod members;
mod messages;
mod presence;
mod rig;
mod rooms;
mod send;
