//! A transaction cannot outlive the closure that it was lent to.

use veza_core::{Caller, Db, DbError};

async fn keep(db: &Db, caller: &Caller) {
    let _kept = db.tenant(caller, |tx| Ok::<_, DbError>(tx)).await;
}

fn main() {}
