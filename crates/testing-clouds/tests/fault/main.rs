//! The fault test of `veza-storage` with blobs in a bucket of Google's kind, or where `VEZA_TEST_AZURE_…` says. The service runs in the process that judges, which is not
//! killed.
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
#[path = "../../../storage/tests/fault/run.rs"]
mod run;
#[path = "../../../storage/tests/fault/store.rs"]
mod store;
#[path = "../../../storage/tests/fault/verdict.rs"]
mod verdict;
#[path = "../../../storage/tests/fault/worker.rs"]
mod worker;

fn main() {
    run::run();
}
