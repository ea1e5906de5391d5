//! Recordings, with all that they need: a database, files, processes that are killed.
#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

#[allow(dead_code, reason = "the tests within the crate need more of it")]
#[path = "../media/mod.rs"]
mod media;
mod recording;

pub(crate) use veza_stream::{ClockReading, Packet};
