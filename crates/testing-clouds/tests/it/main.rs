//! The backends for Google and Azure: Google's words before a server of S3 in this process, and whatever services the
//! environment names.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may stop at what it did not expect"
)]

#[path = "../../../storage/tests/it/child.rs"]
mod child;
#[path = "../../../storage/tests/it/conformance/mod.rs"]
mod conformance;

mod configured;
mod faults;
mod memory;
mod refused;
mod stage;

/// Google's API.
mod gcs {
    crate::conformance::conformance!(super::stage::gcs);
}

/// Google's own service.
mod google {
    crate::conformance::conformance!(super::stage::google);
}

/// Azurite, or Azure.
mod azure {
    crate::conformance::conformance!(super::stage::azure);
}
