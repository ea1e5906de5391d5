//! The file system.

mod crash;
mod directory;
mod full;
mod memory;
pub(crate) mod stage;

pub(crate) use self::stage::Directory;

/// Temporary files without a name.
mod anonymous {
    crate::conformance::conformance!(super::stage::anonymous);
}

/// Temporary files that have one, as on a file system that knows no others.
mod named {
    crate::conformance::conformance!(super::stage::named);
}
