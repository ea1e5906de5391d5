//! The supervisor against real PostgreSQL servers.
#![allow(clippy::disallowed_methods, reason = "the tests time and start processes themselves")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test program may, outside its test functions too")]
#![allow(missing_docs, reason = "a test program has no users")]

mod account;
mod crash;
mod fixture;
mod lifecycle;
mod parent;
mod refusals;
mod shared;
