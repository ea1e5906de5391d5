//! Where the rules of the tenant boundary do not fit the schema `stream`, and why.

use veza_core::db::CatalogueException;

/// What [`check_catalogue`](veza_core::db::check_catalogue) leaves out in the schema `stream`: nothing.
pub const CATALOGUE_EXCEPTIONS: &[CatalogueException] = &[];
