//! There is no way from a transaction to its connection.

use diesel::PgConnection;
use veza_core::TenantTx;

fn connection<'a>(tx: &'a mut TenantTx<'_>) -> &'a mut PgConnection {
    &mut **tx
}

fn main() {}
