//! Transactions that get in each other's way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};

use diesel::prelude::*;
use uuid::Uuid;
use veza_core::db::PoolConfig;
use veza_core::{DbError, Query, TenantTx, Write};
use veza_testing::{DbTest, TestDatabase, db_test};

use crate::shop::{add, insert, list, migrator, millis, orders, titles};

fn rename(tx: &mut TenantTx<'_>, order: Uuid, title: &str) -> Result<(), DbError> {
    let this = orders::table.filter(orders::order_id.eq(order));
    tx.execute(diesel::update(this).set(orders::title.eq(title))).map(drop)
}

#[db_test(migrator = migrator)]
async fn a_lock_that_is_not_to_be_had_in_time(t: DbTest) {
    let db = t.database.open(PoolConfig { lock_timeout: millis(100), ..TestDatabase::small_pool() });
    let order = add(&db, &t.alice.caller, "free").await;
    let (held, hold) = mpsc::channel();
    let (release, gate) = mpsc::channel::<()>();
    let holder = {
        let (db, caller) = (db.clone(), t.alice.caller.clone());
        let closure = move |tx: &mut TenantTx<'_>| {
            rename(tx, order, "held")?;
            held.send(()).unwrap();
            let _open = gate.recv();
            Ok::<_, DbError>(())
        };
        tokio::spawn(async move { db.tenant(&caller, closure).await })
    };
    tokio::task::block_in_place(|| hold.recv()).unwrap();
    let outcome = db.tenant(&t.alice.caller, move |tx| rename(tx, order, "too late")).await;
    assert!(matches!(outcome, Err(DbError::LockTimeout)), "{outcome:?}");
    release.send(()).unwrap();
    holder.await.unwrap().unwrap();
    assert_eq!(list(&db, &t.alice.caller).await, ["held"]);
}

#[db_test(migrator = migrator)]
async fn a_deadlock_is_resolved_and_both_succeed(t: DbTest) {
    let short = format!("ALTER DATABASE {} SET deadlock_timeout = '20ms'", t.database.name());
    t.database.superuser().execute(&short);
    let first = add(&t.db, &t.alice.caller, "a").await;
    let second = add(&t.db, &t.alice.caller, "b").await;
    let db = t.database.open(TestDatabase::small_pool());
    let (attempts, meeting) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let tasks = [(first, second), (second, first)].map(|(one, other)| {
        let (db, caller) = (db.clone(), t.alice.caller.clone());
        let (attempts, meeting) = (Arc::clone(&attempts), Arc::clone(&meeting));
        let closure = move |tx: &mut TenantTx<'_>| {
            rename(tx, one, "one")?;
            if attempts.fetch_add(1, Ordering::SeqCst) < 2 {
                meeting.wait();
            }
            rename(tx, other, "other")
        };
        tokio::spawn(async move { db.tenant(&caller, closure).await })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    // More than three when the loser, run again, is quick enough to get in the way once more.
    assert!(attempts.load(Ordering::SeqCst) >= 3, "one of the two ran again");
    let names = list(&db, &t.alice.caller).await;
    assert!(names == ["one", "other"], "{names:?}");
}

/// Two transactions meet after reading; then each writes.
async fn race(t: &DbTest, isolation: &str, write: fn(&mut TenantTx<'_>) -> Result<(), DbError>) -> usize {
    let (name, level) = (t.database.name(), isolation);
    t.database
        .superuser()
        .execute(&format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'"));
    let db = t.database.open(TestDatabase::small_pool());
    let (attempts, meeting) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let tasks = [(); 2].map(|()| {
        let (db, caller) = (db.clone(), t.alice.caller.clone());
        let (attempts, meeting) = (Arc::clone(&attempts), Arc::clone(&meeting));
        let closure = move |tx: &mut TenantTx<'_>| {
            titles(tx)?;
            if attempts.fetch_add(1, Ordering::SeqCst) < 2 {
                meeting.wait();
            }
            write(tx)
        };
        tokio::spawn(async move { db.tenant(&caller, closure).await })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    attempts.load(Ordering::SeqCst)
}

#[db_test(migrator = migrator)]
async fn a_serialisation_failure_of_a_statement_is_retried(t: DbTest) {
    add(&t.db, &t.alice.caller, "0").await;
    // Both read one state and update the same row: the second may not see the first one's change.
    let attempts = race(&t, "repeatable read", |tx| {
        let number: i32 = titles(tx)?.concat().parse().unwrap();
        let this = diesel::update(orders::table);
        tx.execute(this.set(orders::title.eq((number + 1).to_string()))).map(drop)
    })
    .await;
    assert_eq!(attempts, 3);
    assert_eq!(list(&t.db, &t.alice.caller).await, ["2"], "no increment is lost");
}

#[db_test(migrator = migrator)]
async fn a_serialisation_failure_at_commit_is_retried(t: DbTest) {
    // Each adds what it counted: run one after the other, they count 0 and 1. PostgreSQL notices at
    // the second COMMIT, or, when the first came early enough, at the second INSERT.
    let attempts = race(&t, "serializable", |tx| {
        let count: i64 = tx.get_result(orders::table.count())?;
        insert(tx, &count.to_string())?;
        std::thread::sleep(std::time::Duration::from_millis(100));
        Ok(())
    })
    .await;
    assert_eq!(attempts, 3);
    assert_eq!(list(&t.db, &t.alice.caller).await, ["0", "1"]);
}

#[db_test(migrator = migrator)]
async fn a_conflict_without_end_is_reported(t: DbTest) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let fail = "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$";
    let closure = move |tx: &mut TenantTx<'_>| {
        count.fetch_add(1, Ordering::SeqCst);
        insert(tx, "undone")?;
        tx.execute(diesel::sql_query(fail))
    };
    let outcome = t.db.tenant(&t.alice.caller, closure).await;
    assert!(matches!(outcome, Err(DbError::Serialization)), "{outcome:?}");
    assert_eq!(attempts.load(Ordering::SeqCst), 4);
    assert_eq!(list(&t.db, &t.alice.caller).await, [""; 0]);
}

#[db_test(migrator = migrator)]
async fn a_conflict_inside_a_savepoint_retries_the_whole(t: DbTest) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let fail = "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$";
    let closure = move |tx: &mut TenantTx<'_>| {
        insert(tx, "once")?;
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        let part: Result<usize, DbError> =
            tx.savepoint(|tx| if first { tx.execute(diesel::sql_query(fail)) } else { Ok(0) });
        let _swallowed = part;
        Ok::<_, DbError>(())
    };
    t.db.tenant(&t.alice.caller, closure).await.unwrap();
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
    assert_eq!(list(&t.db, &t.alice.caller).await, ["once"]);
}
