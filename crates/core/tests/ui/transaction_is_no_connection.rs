//! Whatever wants a connection does not get one out of a transaction.

use diesel::prelude::*;
use veza_core::TenantTx;

diesel::table! {
    orders (order_id) {
        order_id -> Integer,
    }
}

fn count(connection: &mut PgConnection) -> QueryResult<i64> {
    orders::table.count().get_result(connection)
}

fn count_all(tx: &mut TenantTx<'_>) {
    let _count = count(tx);
}

fn main() {}
