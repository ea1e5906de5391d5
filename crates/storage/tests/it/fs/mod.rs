//! The file system.

mod crash;
mod directory;
mod full;
mod join;
mod memory;
mod stage;

/// Temporary files without a name.
mod anonymous {
    crate::conformance::conformance!(super::stage::anonymous);
}

/// Temporary files that have one, as on a file system that knows no others.
mod named {
    crate::conformance::conformance!(super::stage::named);
}
