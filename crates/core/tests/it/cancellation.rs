//! A caller that goes away: before its transaction began it takes it back, later it does not stop it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{add, insert, list, migrator, narrow, occupy, sleep};

#[tenant_test(migrator = migrator)]
async fn a_transaction_that_waited_never_runs(t: TenantTest) {
    let db = narrow(&t.database);
    add(&db, &t.mallory.caller, "hers").await;
    let (release, occupying) = occupy(&db, &t.mallory.caller).await;
    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let waiting = db.tenant(&t.alice.caller, move |tx| {
        flag.store(true, Ordering::SeqCst);
        insert(tx, "never")
    });
    // The outcome is dropped while it waits in the queue.
    assert!(timeout(Duration::from_millis(50), waiting).await.is_err());
    release.send(()).unwrap();
    occupying.await.unwrap().unwrap();
    assert_eq!(list(&db, &t.mallory.caller).await, ["hers"]);
    assert_eq!(list(&db, &t.alice.caller).await, [""; 0]);
    assert!(!ran.load(Ordering::SeqCst));
}

#[tenant_test(migrator = migrator)]
async fn a_transaction_that_runs_is_completed(t: TenantTest) {
    let db = narrow(&t.database);
    add(&db, &t.mallory.caller, "hers").await;
    let running = db.tenant(&t.alice.caller, |tx| {
        sleep(tx, Duration::from_millis(200))?;
        insert(tx, "done all the same")
    });
    assert!(timeout(Duration::from_millis(50), running).await.is_err());
    assert_eq!(list(&db, &t.mallory.caller).await, ["hers"]);
    assert_eq!(list(&db, &t.alice.caller).await, ["done all the same"]);
}
