//! Processes that store, overwrite, copy, delete, restore and reap are killed at any moment, and in the end rows
//! and bytes agree: no bytes without a row, no row without bytes, and sums to the byte. Here in a directory; in
//! `veza-testing-s3` in a bucket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a test may stop and tell"
)]

mod backend;
mod run;
mod store;
mod verdict;
mod worker;

fn main() {
    run::run();
}
