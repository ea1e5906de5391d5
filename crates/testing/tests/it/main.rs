//! What the harness promises.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed step of a test is a failed test"
)]

mod boundary;
mod databases;
mod private_cluster;
mod redis;
mod tenants;
