//! A job exists exactly when its transaction commits, and once per unique key.

use std::time::Duration;

use chrono::TimeDelta;
use veza_core::DbError;
use veza_jobs::{Error, MAX_PAYLOAD, Options, Priority, assert_enqueued, enqueue_many, pending};
use veza_testing::{TenantTest, tenant_test};

use crate::work::{Work, Worker, enqueue, runtime, states, work};

#[tenant_test]
async fn a_job_exists_exactly_when_its_transaction_commits(t: TenantTest) {
    let undone: Result<(), Error> =
        t.db.tenant(&t.alice.caller, |tx| {
            veza_jobs::enqueue(tx, &work("undone"))?;
            assert_enqueued::<Work>(tx, |job| job.name == "undone");
            Err(DbError::NotFound.into())
        })
        .await;
    undone.unwrap_err();
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0));
    enqueue(&t.db, &t.alice.caller, "done", Options::default()).await;
    assert_eq!(states(&t.db, &t.alice.caller).await, (1, 0, 0, 0, 0));
    assert_eq!(states(&t.db, &t.mallory.caller).await, (0, 0, 0, 0, 0));
}

#[tenant_test]
async fn a_batch_runs_in_its_order_and_priorities_go_first(t: TenantTest) {
    let worker = Worker::content();
    let runtime = runtime(&t.db, &worker);
    let batch: Vec<Work> = (0..50).map(|number| work(&format!("{number:02}"))).collect();
    let names: Vec<String> = batch.iter().map(|job| job.name.clone()).collect();
    t.db.tenant(&t.alice.caller, move |tx| enqueue_many(tx, &batch)).await.unwrap();
    enqueue(&t.db, &t.alice.caller, "low", Options::default().priority(Priority::LOW)).await;
    enqueue(&t.db, &t.alice.caller, "high", Options::default().priority(Priority::HIGH)).await;
    runtime.drain(&t.alice.caller).await.unwrap();
    let expected: Vec<String> =
        ["high".to_owned()].into_iter().chain(names).chain(["low".to_owned()]).collect();
    assert_eq!(worker.names(), expected);
}

#[tenant_test(clock = "manual")]
async fn a_low_priority_waits_but_not_for_ever(t: TenantTest) {
    let worker = Worker::content();
    let runtime = runtime(&t.db, &worker);
    enqueue(&t.db, &t.alice.caller, "low", Options::default().priority(Priority::new(-9))).await;
    t.clock.advance(TimeDelta::minutes(8));
    enqueue(&t.db, &t.alice.caller, "normal, 8 minutes later", Options::default()).await;
    t.clock.advance(TimeDelta::minutes(2));
    enqueue(&t.db, &t.alice.caller, "normal, 10 minutes later", Options::default()).await;
    runtime.drain(&t.alice.caller).await.unwrap();
    assert_eq!(worker.names(), ["normal, 8 minutes later", "low", "normal, 10 minutes later"]);
}

#[tenant_test(clock = "manual")]
async fn a_delayed_job_waits_for_its_time(t: TenantTest) {
    let worker = Worker::content();
    let runtime = runtime(&t.db, &worker);
    enqueue(&t.db, &t.alice.caller, "later", Options::default().delay(Duration::from_mins(1))).await;
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 1, 0, 0, 0));
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 0);
    t.clock.advance(TimeDelta::seconds(60));
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 1);
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0));
}

#[tenant_test(clock = "manual")]
async fn a_unique_job_is_there_once_per_tenant(t: TenantTest) {
    let (db, unique) = (&t.db, Options::default().unique("7"));
    let first = enqueue(db, &t.alice.caller, "first", unique.clone()).await;
    let second = enqueue(db, &t.alice.caller, "second", unique.clone()).await;
    assert!(!first.existing && second.existing);
    assert_eq!(first.id, second.id);
    let hers = enqueue(db, &t.mallory.caller, "hers", unique.clone()).await;
    assert!(!hers.existing, "another tenant's key is another key");
    let worker = Worker::content();
    runtime(db, &worker).drain(&t.alice.caller).await.unwrap();
    assert_eq!(worker.names(), ["first"]);
    let third = enqueue(db, &t.alice.caller, "third", unique).await;
    assert!(!third.existing, "the first has ended");

    let hour = Options::default().unique_for("hour", Duration::from_hours(1));
    assert!(!enqueue(db, &t.alice.caller, "now", hour.clone()).await.existing);
    runtime(db, &worker).drain(&t.alice.caller).await.unwrap();
    t.clock.advance(TimeDelta::minutes(59));
    assert!(enqueue(db, &t.alice.caller, "within the hour", hour.clone()).await.existing);
    t.clock.advance(TimeDelta::minutes(2));
    assert!(!enqueue(db, &t.alice.caller, "after the hour", hour).await.existing);
}

#[tenant_test]
async fn what_cannot_be_stored_is_refused_and_the_transaction_goes_on(t: TenantTest) {
    let outcome = t.db.tenant(&t.alice.caller, |tx| {
        let large = veza_jobs::enqueue(tx, &work(&"x".repeat(MAX_PAYLOAD))).unwrap_err();
        assert!(matches!(large, Error::TooLarge { .. }), "{large:?}");
        let nowhere = veza_jobs::enqueue_with(tx, &work(""), Options::default().queue("No Queue"));
        assert!(matches!(nowhere.unwrap_err(), Error::QueueName));
        let never = Options::default().timeout(Duration::ZERO);
        assert!(matches!(veza_jobs::enqueue_with(tx, &work(""), never).unwrap_err(), Error::Invalid(_)));
        let key = Options::default().unique("k".repeat(601));
        assert!(matches!(veza_jobs::enqueue_with(tx, &work(""), key).unwrap_err(), Error::Invalid(_)));
        veza_jobs::enqueue(tx, &work("small"))?;
        pending::<Work>(tx)
    });
    assert_eq!(outcome.await.unwrap(), [work("small")]);
}
