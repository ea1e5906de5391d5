//! No text becomes a tenant by accident.

use veza_core::TenantId;

fn from_header(text: &str) -> TenantId {
    text.parse().unwrap()
}

fn main() {}
