//! The whole layer, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends"
)]

mod bodies;
mod browsers;
mod callers;
mod failures;
mod inputs;
mod operations;
mod server;
