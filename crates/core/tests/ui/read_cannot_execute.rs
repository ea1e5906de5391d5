//! A reading transaction may run on a replica: it has no way to write.

use veza_core::{DbError, ReadTx, Write};

diesel::table! {
    orders (order_id) {
        order_id -> Integer,
    }
}

fn remove(tx: &mut ReadTx<'_>) -> Result<usize, DbError> {
    Write::execute(tx, diesel::delete(orders::table))
}

fn main() {}
