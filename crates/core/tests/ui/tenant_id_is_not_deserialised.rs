//! A body with a `tenant_id` in it cannot be read into one.

use veza_core::TenantId;

#[derive(serde::Deserialize)]
struct Body {
    tenant_id: TenantId,
}

fn main() {}
