//! What unwinds in a thread of the pool ends one transaction, never the thread.

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::time::Duration;

use tokio::time::timeout;
use veza_core::DbError;
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{add, list, migrator, narrow, occupy};

/// Panics where it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            resume_unwind(Box::new("on purpose"));
        }
    }
}

#[tenant_test(migrator = migrator)]
async fn an_answer_that_panics_when_nobody_takes_it(t: TenantTest) {
    let db = narrow(&t.database);
    let (started, start) = mpsc::channel();
    let (release, gate) = mpsc::channel::<()>();
    let running = db.tenant(&t.alice.caller, move |_tx| {
        started.send(()).unwrap();
        gate.recv().unwrap();
        Ok::<_, DbError>(Bomb)
    });
    assert!(timeout(Duration::from_millis(50), running).await.is_err());
    start.recv().unwrap();
    release.send(()).unwrap();
    let next = timeout(Duration::from_secs(5), list(&db, &t.mallory.caller)).await;
    assert_eq!(next.expect("the thread goes on"), [""; 0]);
}

#[tenant_test(migrator = migrator)]
async fn a_closure_that_panics_when_it_is_dropped_unused(t: TenantTest) {
    let db = narrow(&t.database);
    let (release, occupying) = occupy(&db, &t.mallory.caller).await;
    let bomb = Bomb;
    let waiting = db.tenant(&t.alice.caller, move |_tx| {
        let _held = &bomb;
        Ok::<_, DbError>(())
    });
    assert!(timeout(Duration::from_millis(50), waiting).await.is_err());
    release.send(()).unwrap();
    assert!(occupying.await.unwrap().is_ok(), "a transaction that was done is not lost");
    let next = timeout(Duration::from_secs(5), add(&db, &t.mallory.caller, "next")).await;
    next.expect("the thread goes on");
}
