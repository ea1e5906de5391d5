//! The queue: fair between tenants, bounded, and with an end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use veza_core::db::PoolConfig;
use veza_core::{Caller, Db, DbError};
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{add, insert, list, migrator, millis, narrow, occupy, one_connection, sleep};

async fn until_waiting(db: &Db, number: usize) {
    while db.waiting() < number {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tenant_test(migrator = migrator)]
async fn a_tenant_with_hundreds_delays_another_by_about_one(t: TenantTest) {
    let db = narrow(&t.database);
    let done = Arc::new(AtomicUsize::new(0));
    let queued: Vec<_> = (0..300)
        .map(|_| {
            let (db, caller, done) = (db.clone(), t.alice.caller.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                db.tenant(&caller, |tx| sleep(tx, Duration::from_millis(5))).await?;
                done.fetch_add(1, Ordering::SeqCst);
                Ok::<_, DbError>(())
            })
        })
        .collect();
    until_waiting(&db, 250).await;
    let before = done.load(Ordering::SeqCst);
    assert_eq!(list(&db, &t.mallory.caller).await, [""; 0]);
    let overtaken_by = done.load(Ordering::SeqCst) - before;
    // One that ran, one whose turn was first, and some slack for the measuring itself.
    assert!(overtaken_by <= 10, "{overtaken_by} of alice's went first");
    for task in queued {
        task.await.unwrap().unwrap();
    }
}

#[tenant_test(migrator = migrator)]
async fn a_tenant_that_queues_too_much_is_refused_while_others_are_served(t: TenantTest) {
    let db = t.database.open(PoolConfig { queue: 8, queue_per_tenant: 5, ..one_connection() });
    let (release, occupying) = occupy(&db, &t.alice.caller).await;
    let queue = |caller: &Caller| {
        let (db, caller) = (db.clone(), caller.clone());
        tokio::spawn(async move { db.tenant(&caller, |tx| insert(tx, "queued")).await })
    };
    let mut queued: Vec<_> = (0..5).map(|_| queue(&t.alice.caller)).collect();
    until_waiting(&db, 5).await;
    let refused = db.tenant(&t.alice.caller, |tx| insert(tx, "too much")).await;
    assert!(matches!(refused, Err(DbError::Overloaded)), "{refused:?}");
    queued.extend((0..3).map(|_| queue(&t.mallory.caller)));
    until_waiting(&db, 8).await;
    let refused = db.tenant(&t.mallory.caller, |tx| insert(tx, "all is full")).await;
    assert!(matches!(refused, Err(DbError::Overloaded)), "{refused:?}");
    release.send(()).unwrap();
    occupying.await.unwrap().unwrap();
    for task in queued {
        task.await.unwrap().unwrap();
    }
    assert_eq!(list(&db, &t.alice.caller).await, ["queued"; 5]);
    assert_eq!(list(&db, &t.mallory.caller).await, ["queued"; 3]);
}

#[tenant_test(migrator = migrator)]
async fn what_waits_past_its_deadline_never_runs(t: TenantTest) {
    let db = t.database.open(PoolConfig { deadline: millis(200), ..one_connection() });
    add(&db, &t.alice.caller, "mine").await;
    let (release, occupying) = occupy(&db, &t.mallory.caller).await;
    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let waiting = {
        let (db, caller) = (db.clone(), t.alice.caller.clone());
        let closure = move |tx: &mut veza_core::TenantTx<'_>| {
            flag.store(true, Ordering::SeqCst);
            insert(tx, "late")
        };
        tokio::spawn(async move { db.tenant(&caller, closure).await })
    };
    tokio::time::sleep(Duration::from_millis(250)).await;
    release.send(()).unwrap();
    let outcome = waiting.await.unwrap();
    assert!(matches!(outcome, Err(DbError::DeadlineExceeded)), "{outcome:?}");
    assert!(!ran.load(Ordering::SeqCst));
    occupying.await.unwrap().unwrap();
    assert_eq!(list(&db, &t.alice.caller).await, ["mine"]);
}

#[tenant_test(migrator = migrator)]
async fn the_deadline_holds_for_all_statements_together(t: TenantTest) {
    let db = t.database.open(PoolConfig { deadline: millis(300), ..one_connection() });
    add(&db, &t.alice.caller, "mine").await;
    let statements = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&statements);
    let outcome = db
        .tenant(&t.alice.caller, move |tx| {
            for _ in 0..20 {
                sleep(tx, Duration::from_millis(100))?;
                count.fetch_add(1, Ordering::SeqCst);
            }
            Ok::<_, DbError>(())
        })
        .await;
    assert!(matches!(outcome, Err(DbError::DeadlineExceeded)), "{outcome:?}");
    assert!(statements.load(Ordering::SeqCst) <= 3, "{statements:?}");
    assert_eq!(list(&db, &t.alice.caller).await, ["mine"]);
}

#[tenant_test(migrator = migrator)]
async fn a_statement_ends_with_the_deadline_of_its_transaction(t: TenantTest) {
    let db = t.database.open(PoolConfig { deadline: millis(200), ..one_connection() });
    add(&db, &t.alice.caller, "mine").await;
    // Shorter than the time-out of a statement, longer than the deadline.
    let outcome = db.tenant(&t.alice.caller, |tx| sleep(tx, Duration::from_secs(2))).await;
    assert!(matches!(outcome, Err(DbError::DeadlineExceeded)), "{outcome:?}");
    // The shorter limit was that transaction's alone.
    let limit = db.tenant(&t.alice.caller, |tx| sleep(tx, Duration::from_millis(1))).await;
    limit.unwrap();
}

#[tenant_test(migrator = migrator)]
async fn what_is_queued_when_the_program_lets_go_is_still_done(t: TenantTest) {
    let db = narrow(&t.database);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (db, caller) = (db.clone(), t.alice.caller.clone());
            tokio::spawn(async move { add(&db, &caller, &format!("order {number:02}")).await })
        })
        .collect();
    until_waiting(&db, 1).await;
    drop(db);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(list(&t.db, &t.alice.caller).await.len(), 20);
}

#[tenant_test(migrator = migrator)]
async fn a_burst_wakes_every_thread(t: TenantTest) {
    let db = t.database.open(PoolConfig { connections: 4, ..one_connection() });
    for _ in 0..50 {
        // All end only when all run at the same time.
        let all = Arc::new(Barrier::new(4));
        let burst: Vec<_> = (0..4)
            .map(|_| {
                let (db, caller, all) = (db.clone(), t.alice.caller.clone(), Arc::clone(&all));
                tokio::spawn(async move {
                    db.read(&caller, move |_tx| {
                        all.wait();
                        Ok::<_, DbError>(())
                    })
                    .await
                })
            })
            .collect();
        for one in burst {
            tokio::time::timeout(Duration::from_secs(10), one).await.unwrap().unwrap().unwrap();
        }
    }
}
