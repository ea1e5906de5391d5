//! A transaction cannot outlive the closure that it was lent to.

use veza_core::{Caller, Db, DbError, TenantTx};

async fn keep(db: &Db, caller: &Caller) {
    let mut kept: Option<&mut TenantTx<'_>> = None;
    let _: Result<(), DbError> = db
        .tenant(caller, |tx| {
            kept = Some(tx);
            Ok(())
        })
        .await;
}

fn main() {}
