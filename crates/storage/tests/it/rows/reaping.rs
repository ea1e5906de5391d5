//! What is removed, and when.

use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use veza_core::Db;
use veza_jobs::{Jobs, JobsConfig, Runtime};
use veza_storage::bucket::BucketChange;
use veza_storage::object::{self, Condition};
use veza_storage::{Collect, Error, ObjectKey};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use super::{House, agree, files, object, run};

async fn delete(db: &Db, caller: &veza_core::Caller, key: &'static str, window: TimeDelta) {
    let permit = caller.permit().unwrap();
    run(db, caller, move |tx| {
        object::delete(tx, &permit, "files", &ObjectKey::new(key)?, &Condition::default(), window)
    })
    .await
    .unwrap();
}

#[tenant_test(clock = "manual")]
async fn deleted_bytes_go_when_the_recovery_window_has_passed_and_are_looked_for_twice(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    house.put(alice, object("stays"), b"stays").await.unwrap();
    let gone = house.put(alice, object("goes"), b"goes").await.unwrap();
    delete(&t.db, alice, "goes", TimeDelta::hours(1)).await;
    let reap = async || house.storage.reap(t.alice.tenant).await.unwrap();
    t.clock.advance(TimeDelta::minutes(59));
    assert_eq!((reap().await.blobs, house.stored(alice).await), (0, 2));
    t.clock.advance(TimeDelta::minutes(1));
    assert_eq!((reap().await.blobs, house.stored(alice).await), (1, 1));
    let (permit, version) = (alice.permit().unwrap(), gone.version_id);
    let late = run(&t.db, alice, move |tx| {
        object::restore(tx, &permit, "files", &ObjectKey::new("goes")?, version, None, TimeDelta::hours(1))
    });
    assert!(matches!(late.await, Err(Error::Absent("version"))));
    t.clock.advance(TimeDelta::minutes(1));
    assert_eq!(reap().await.blobs, 1, "the second look");
    t.clock.advance(TimeDelta::minutes(1));
    assert_eq!(reap().await.contents, 1);
    assert_eq!(house.bytes(alice, "stays").await.unwrap(), b"stays");
    assert_eq!(house.usage(alice).await, (5, 0));
    agree(&t.db, alice).await;
}

#[tenant_test(clock = "manual")]
async fn an_upload_that_nobody_ends_is_undone(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let (permit, begun) = (alice.permit().unwrap(), Arc::new(tokio::sync::Notify::new()));
    let endless = endless(Arc::clone(&begun));
    let mut new = object("never");
    new.len = Some(1_000);
    let upload = house.storage.put(alice, &permit, new, endless);
    // The process goes away in the middle of it.
    tokio::select! {
        outcome = upload => panic!("{outcome:?}"),
        () = begun.notified() => {}
    }
    assert_eq!(house.usage(alice).await, (0, 1_000));
    house.storage.reap(t.alice.tenant).await.unwrap();
    assert_eq!(house.usage(alice).await, (0, 1_000), "it may still go on");
    t.clock.advance(TimeDelta::minutes(3));
    house.storage.reap(t.alice.tenant).await.unwrap();
    assert_eq!((house.usage(alice).await, house.stored(alice).await), ((0, 0), 0));
    for _ in 0..3 {
        t.clock.advance(TimeDelta::minutes(2));
        house.storage.reap(t.alice.tenant).await.unwrap();
    }
    agree(&t.db, alice).await;
}

/// A body that begins, says so, and never ends.
fn endless(begun: Arc<tokio::sync::Notify>) -> veza_storage::Body {
    let rest = stream::once(async move {
        begun.notify_one();
        std::future::pending().await
    });
    Box::pin(stream::iter([Ok(Bytes::from_static(b"begin"))]).chain(rest))
}

#[db_test]
async fn a_job_removes_what_a_sweep_finds(t: DbTest) {
    let (house, alice) = (
        House::with(&t.db, |config| {
            config.recovery_window = veza_core::config::Period::from_secs(0);
            config.second_look = veza_core::config::Period::from_secs(0);
        })
        .await,
        &t.alice.caller,
    );
    files(&t.db, alice, BucketChange::default()).await;
    house.put(alice, object("x"), b"x").await.unwrap();
    assert_eq!(house.storage.sweep().await.unwrap(), 0);
    delete(&t.db, alice, "x", TimeDelta::zero()).await;
    assert_eq!(house.storage.sweep().await.unwrap(), 1);
    assert_eq!(house.storage.sweep().await.unwrap(), 1, "the job is there once");
    let jobs = Jobs::new(t.db.clone(), JobsConfig::default()).unwrap();
    let runtime = Runtime::builder(&jobs).handler::<Collect, _>(house.storage.clone()).build().unwrap();
    assert_eq!(runtime.drain(alice).await.unwrap().attempts, 1);
    assert_eq!(house.stored(alice).await, 0);
    assert_eq!(house.storage.sweep().await.unwrap(), 0);
    agree(&t.db, alice).await;
}
