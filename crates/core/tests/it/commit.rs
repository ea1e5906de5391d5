//! COMMIT may fail, and another tenant's BEGIN may be in the same round trip.

use std::sync::mpsc;
use std::time::Duration;

use tokio::time::sleep;
use veza_core::DbError;
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{add, insert, list, migrator, narrow, take_slot};

#[tenant_test(migrator = migrator)]
async fn a_refused_commit_is_reported_and_writes_nothing(t: TenantTest) {
    let db = narrow(&t.database);
    db.tenant(&t.alice.caller, |tx| take_slot(tx, 1)).await.unwrap();
    let outcome = db
        .tenant(&t.alice.caller, |tx| {
            insert(tx, "undone")?;
            take_slot(tx, 1)
        })
        .await;
    assert_eq!(outcome.unwrap_err().constraint(), Some("slots_unique"));
    assert_eq!(list(&db, &t.alice.caller).await, [""; 0]);
    // Another tenant's time is free.
    db.tenant(&t.mallory.caller, |tx| take_slot(tx, 1)).await.unwrap();
}

#[tenant_test(migrator = migrator)]
async fn a_refused_commit_loses_nothing_that_waits_behind_it(t: TenantTest) {
    let db = narrow(&t.database);
    db.tenant(&t.alice.caller, |tx| take_slot(tx, 1)).await.unwrap();
    let (release, gate) = mpsc::channel::<()>();
    let failing = {
        let (db, caller) = (db.clone(), t.alice.caller.clone());
        tokio::spawn(async move {
            let closure = move |tx: &mut veza_core::TenantTx<'_>| {
                insert(tx, "undone")?;
                take_slot(tx, 1)?;
                let _open = gate.recv();
                Ok::<_, DbError>(())
            };
            db.tenant(&caller, closure).await
        })
    };
    sleep(Duration::from_millis(20)).await;
    let behind: Vec<_> = (0..3)
        .map(|number| {
            let (db, caller) = (db.clone(), t.mallory.caller.clone());
            tokio::spawn(async move { add(&db, &caller, &format!("hers {number}")).await })
        })
        .collect();
    while db.waiting() < 3 {
        sleep(Duration::from_millis(1)).await;
    }
    release.send(()).unwrap();
    assert_eq!(failing.await.unwrap().unwrap_err().constraint(), Some("slots_unique"));
    for task in behind {
        task.await.unwrap();
    }
    assert_eq!(list(&db, &t.mallory.caller).await, ["hers 0", "hers 1", "hers 2"]);
    assert_eq!(list(&db, &t.alice.caller).await, [""; 0]);
}

#[tenant_test(migrator = migrator)]
async fn a_rollback_loses_nothing_that_waits_behind_it(t: TenantTest) {
    let db = narrow(&t.database);
    let (release, gate) = mpsc::channel::<()>();
    let failing = {
        let (db, caller) = (db.clone(), t.alice.caller.clone());
        tokio::spawn(async move {
            let closure = move |tx: &mut veza_core::TenantTx<'_>| {
                insert(tx, "undone")?;
                let _open = gate.recv();
                insert(tx, "")
            };
            db.tenant(&caller, closure).await
        })
    };
    sleep(Duration::from_millis(20)).await;
    let behind = {
        let (db, caller) = (db.clone(), t.mallory.caller.clone());
        tokio::spawn(async move { add(&db, &caller, "hers").await })
    };
    while db.waiting() < 1 {
        sleep(Duration::from_millis(1)).await;
    }
    release.send(()).unwrap();
    assert!(failing.await.unwrap().is_err());
    behind.await.unwrap();
    assert_eq!(list(&db, &t.mallory.caller).await, ["hers"]);
    assert_eq!(list(&db, &t.alice.caller).await, [""; 0]);
}
