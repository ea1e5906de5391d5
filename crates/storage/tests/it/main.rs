//! Backends, on this machine alone: what needs a server of S3 is in `veza-testing-s3`.
#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

mod child;
mod conformance;
mod crypt;
mod fs;
#[cfg(any(feature = "kms", feature = "vault"))]
mod roots;
mod rows;
