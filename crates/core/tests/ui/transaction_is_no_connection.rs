//! diesel's own methods want a connection; a transaction does not give it away.

use diesel::prelude::*;
use veza_core::TenantTx;

diesel::table! {
    orders (order_id) {
        order_id -> Integer,
    }
}

fn load(tx: &mut TenantTx<'_>) {
    let _rows: QueryResult<Vec<i32>> = orders::table.load(tx);
}

fn main() {}
