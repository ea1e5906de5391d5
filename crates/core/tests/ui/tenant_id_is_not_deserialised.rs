//! No part of a request can be read into a tenant.

use veza_core::TenantId;

fn read<T: serde::de::DeserializeOwned>(body: &str) -> T {
    serde_json::from_str(body).unwrap()
}

fn main() {
    let _tenant: TenantId = read("\"018f3c5e-7b1a-7c00-8000-000000000001\"");
}
