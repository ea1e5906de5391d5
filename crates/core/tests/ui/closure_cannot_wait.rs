//! Nobody waits for another service while holding a transaction.

use veza_core::{Caller, Db, DbError};

async fn fetch() -> Result<(), DbError> {
    Ok(())
}

async fn wait(db: &Db, caller: &Caller) -> Result<(), DbError> {
    db.tenant(caller, |_tx| fetch().await).await
}

fn main() {}
