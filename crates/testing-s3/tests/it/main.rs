//! The S3 backend, against a server in this process and against any other that is named in the environment.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may stop at what it did not expect"
)]

#[path = "../../../storage/tests/it/child.rs"]
mod child;
#[path = "../../../storage/tests/it/conformance/mod.rs"]
mod conformance;

mod ambient;
mod configured;
mod delete;
mod encrypted;
mod faults;
mod list;
mod memory;
mod presign;
mod refused;
mod stage;
mod tier;

/// As Amazon's service is.
mod loopback {
    crate::conformance::conformance!(super::stage::loopback);
}

/// Over TLS, where bodies are not signed.
mod tls {
    crate::conformance::conformance!(super::stage::tls);
}

/// As services are that ignore conditions of writes.
mod replacing {
    crate::conformance::conformance!(super::stage::replacing);
}

/// As services are that heed the conditions of puts alone.
mod half {
    crate::conformance::conformance!(super::stage::half);
}

/// Whatever the environment names.
mod external {
    crate::conformance::conformance!(super::stage::external);
}
