//! Ten thousand mixed transactions of two tenants over two connections, with everything that can go
//! wrong going wrong: nobody ever sees a foreign byte.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_query;
use veza_core::{Caller, Db, DbError, Query, SeededRandom, TenantTx, Write, bytes};
use veza_testing::{DbTest, db_test};

use crate::shop::{insert, migrator, orders, titles};

const OPERATIONS: usize = 10_000;
const CLIENTS: u64 = 8;

/// What happens to a transaction.
#[derive(Debug, Clone, Copy)]
struct Fate {
    action: u8,
    end: u8,
    patience: u8,
}

#[db_test(migrator = migrator)]
async fn nobody_ever_sees_a_foreign_byte(t: DbTest) {
    let checked = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            let tenant = if seed % 2 == 0 { &t.alice } else { &t.mallory };
            let (db, caller, checked) = (t.db.clone(), tenant.caller.clone(), Arc::clone(&checked));
            tokio::spawn(async move { client(&db, &caller, seed, &checked).await })
        })
        .collect();
    let killer = tokio::spawn(kill_sometimes(t.database.clone()));
    for client in clients {
        client.await.unwrap();
    }
    killer.abort();
    assert!(checked.load(Ordering::SeqCst) > OPERATIONS, "the rows were looked at: {checked:?}");
    let foreign = "SELECT count(*) FROM shop.orders WHERE position(tenant_id::text IN title) = 0";
    assert_eq!(t.database.superuser().count(foreign), 0);
    assert!(t.database.superuser().count("SELECT count(*) FROM shop.orders") > 0);
}

async fn kill_sometimes(database: veza_testing::TestDatabase) {
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let database = database.clone();
        let kill = move || database.superuser().terminate(veza_core::db::Role::App);
        tokio::task::spawn_blocking(kill).await.unwrap();
    }
}

async fn client(db: &Db, caller: &Caller, seed: u64, checked: &Arc<AtomicUsize>) {
    let random = SeededRandom::new(seed);
    for _ in 0..OPERATIONS / usize::try_from(CLIENTS).unwrap() {
        let [action, end, patience] = bytes::<3>(&random);
        let fate = Fate { action, end, patience };
        let (canary, checked) = (caller.tenant().to_string(), Arc::clone(checked));
        let transaction = db.tenant(caller, move |tx| live(tx, fate, &canary, &checked));
        let patience = Duration::from_micros(u64::from(fate.patience) * 30);
        // Every fourth caller goes away at some moment: queued, running or just done.
        let outcome = match fate.patience % 4 {
            0 => tokio::time::timeout(patience, transaction).await.unwrap_or(Ok(())),
            _ => transaction.await,
        };
        if let Err(DbError::Query(error)) = outcome {
            panic!("seed {seed}, {fate:?}: {error}");
        }
    }
}

/// One transaction: look, do something, look, end somehow.
fn live(tx: &mut TenantTx<'_>, fate: Fate, canary: &str, checked: &AtomicUsize) -> Result<(), DbError> {
    look(tx, canary, checked)?;
    act(tx, fate.action, canary)?;
    look(tx, canary, checked)?;
    match fate.end % 8 {
        0 => resume_unwind(Box::new("on purpose")),
        1 => Err(DbError::NotFound),
        2 => {
            let _swallowed = insert(tx, "");
            Ok(())
        }
        3 => insert(tx, "").map(drop),
        4 => tx.savepoint(|tx| insert(tx, "")).or_else(|_: DbError| insert(tx, canary)).map(drop),
        _ => Ok(()),
    }
}

fn act(tx: &mut TenantTx<'_>, action: u8, canary: &str) -> Result<(), DbError> {
    match action % 5 {
        0 | 1 => insert(tx, &format!("{canary} {action}")).map(drop),
        2 => {
            tx.execute(diesel::update(orders::table).set(orders::title.eq(format!("{canary} new")))).map(drop)
        }
        // Keeps the table small.
        3 => tx.execute(diesel::delete(orders::table.filter(orders::title.like("%new")))).map(drop),
        _ => tx.execute(sql_query("SELECT pg_sleep(0.0005)")).map(drop),
    }
}

fn look(tx: &mut TenantTx<'_>, canary: &str, checked: &AtomicUsize) -> Result<(), DbError> {
    for title in titles(tx)? {
        if !title.contains(canary) {
            // Not a panic: those are expected here.
            std::process::abort();
        }
        checked.fetch_add(1, Ordering::Relaxed);
    }
    let count: i64 = tx.get_result(orders::table.count())?;
    checked.fetch_add(usize::from(count > 0), Ordering::Relaxed);
    Ok(())
}
