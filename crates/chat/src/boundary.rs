//! Where the rules of the tenant boundary do not fit the schema `chat`, and why.

use veza_core::db::CatalogueException;

/// What [`check_catalogue`](veza_core::db::check_catalogue) leaves out in the schema `chat`: nothing.
pub const CATALOGUE_EXCEPTIONS: &[CatalogueException] = &[];
