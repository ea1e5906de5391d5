//! Scenarios that cross crates, over real HTTP and on a real database: one behaviour per file.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod api_keys;
mod attacks;
mod bad_input;
mod catalogue;
mod chat;
mod idempotency;
mod invitations;
mod jobs;
mod mail;
mod members;
mod organizations;
mod outage;
mod pull;
mod rate_limit;
mod replica;
mod resolution;
mod roles;
mod sessions;
mod sign_in;
mod storage;
mod stream;
mod suspension;
mod tokens;
mod walk;
