//! A transaction comes from `Db` and from nowhere else.

use veza_core::{TenantId, TenantTx};

fn forge(tenant: TenantId) -> TenantTx<'static> {
    TenantTx { tenant }
}

fn main() {}
