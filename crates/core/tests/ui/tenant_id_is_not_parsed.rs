//! No text becomes a tenant by accident.

use std::str::FromStr;
use veza_core::TenantId;

fn from_header(text: &str) -> TenantId {
    TenantId::from_str(text).unwrap()
}

fn main() {}
