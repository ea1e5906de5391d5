//! Dead letters come back one by one, or go for good.

use std::time::Duration;

use chrono::TimeDelta;
use veza_core::{Caller, Db};
use veza_jobs::{DeadFilter, Error, JobError, JobId, JobState, Jobs, Options, Outcome, QueueName, retry};
use veza_testing::{TenantTest, tenant_test};

use crate::work::{Worker, config, deaths, enqueue, lane_counts, look, runtime, states};

async fn try_retry(db: &Db, caller: &Caller, id: JobId) -> Result<(), Error> {
    let permit = caller.permit()?;
    db.tenant(caller, move |tx| retry(tx, &permit, id)).await
}

/// Fails the first time, and as often as its name says "bad".
fn moody() -> Worker {
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    Worker::new(move |job, _| {
        if job.name == "bad" || seen.lock().unwrap().insert(job.name.clone()) {
            Err(JobError::retry("not today"))
        } else {
            Ok(Outcome::Done)
        }
    })
}

#[tenant_test(clock = "manual")]
async fn a_dead_job_begins_anew_and_remembers(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let worker = moody();
    let runtime = runtime(db, &worker);
    let job = enqueue(db, alice, "bad", Options::default().attempts(2)).await.id;
    for _ in 0..2 {
        runtime.drain(alice).await.unwrap();
        t.clock.advance(TimeDelta::minutes(1));
    }
    assert_eq!(states(db, alice).await, (0, 0, 0, 1, 0));
    assert!(matches!(try_retry(db, &t.mallory.caller, job).await, Err(Error::NotFound("job"))));
    try_retry(db, alice, job).await.unwrap();
    try_retry(db, alice, job).await.unwrap();
    let view = look(db, alice, job).await;
    assert_eq!((view.state, view.attempt, view.errors.len()), (JobState::Waiting, 0, 2));
    let counts = lane_counts(db, alice).await;
    assert_eq!((counts.waiting, counts.dead, counts.died, counts.enqueued), (1, 0, 1, 1));
    runtime.drain(alice).await.unwrap();
    assert_eq!(look(db, alice, job).await.errors.len(), 3, "it failed once more, and is to run again");
    assert_eq!(worker.seen().iter().map(|(_, attempt)| *attempt).collect::<Vec<_>>(), [1, 2, 1]);
    // It waits for its next attempt; now need not.
    assert_eq!(states(db, alice).await, (0, 1, 0, 0, 0));
    try_retry(db, alice, job).await.unwrap();
    assert_eq!(states(db, alice).await, (1, 0, 0, 0, 0));
    assert_eq!(look(db, alice, job).await.attempt, 1, "of a deferred job the attempts count on");
    let counts = lane_counts(db, alice).await;
    assert_eq!((counts.waiting, counts.deferred), (1, 0));
}

#[tenant_test]
async fn a_key_that_is_taken_keeps_a_job_dead(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let unique = Options::default().attempts(1).unique("7");
    let job = enqueue(db, alice, "bad", unique.clone()).await.id;
    runtime(db, &moody()).drain(alice).await.unwrap();
    let second = enqueue(db, alice, "second", unique.clone()).await;
    assert!(!second.existing);
    assert!(matches!(try_retry(db, alice, job).await, Err(Error::KeyTaken)));
    assert_eq!(states(db, alice).await, (1, 0, 0, 1, 0));
    runtime(db, &Worker::content()).drain(alice).await.unwrap();
    try_retry(db, alice, job).await.unwrap();
    assert!(enqueue(db, alice, "third", unique).await.existing, "it has its key again");
}

#[tenant_test]
async fn a_cancellation_does_not_outlive_death(t: TenantTest) {
    use diesel::sql_types::Uuid as SqlUuid;
    use veza_core::{TenantScope, Write};
    let (db, alice) = (&t.db, &t.alice.caller);
    let job = enqueue(db, alice, "bad", Options::default().attempts(1)).await.id;
    runtime(db, &moody()).drain(alice).await.unwrap();
    let late = move |tx: &mut veza_core::TenantTx<'_>| {
        let insert = diesel::sql_query(
            "INSERT INTO jobs.cancellations (tenant_id, job_id, requested_at) VALUES ($1, $2, now())",
        );
        Ok::<_, Error>(tx.execute(insert.bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(job))?)
    };
    db.tenant(alice, late).await.unwrap();
    try_retry(db, alice, job).await.unwrap();
    assert_eq!(db.tenant(alice, late).await.unwrap(), 1, "the old one is gone, or this would be the second");
}

#[tenant_test(clock = "manual")]
async fn purging_the_dead_takes_those_that_were_named(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let runtime = runtime(db, &moody());
    for caller in [alice, &t.mallory.caller] {
        for name in ["one", "two", "three"] {
            enqueue(db, caller, name, Options::default().attempts(1)).await;
            enqueue(db, caller, "bad", Options::default().attempts(1)).await;
            runtime.drain(caller).await.unwrap();
            t.clock.advance(TimeDelta::minutes(1));
        }
    }
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    let all = DeadFilter::of(QueueName::new("work").unwrap());
    let purge = async |filter: DeadFilter| jobs.purge_dead(alice, &filter).await.unwrap();
    assert_eq!(purge(DeadFilter::of(QueueName::new("other").unwrap())).await, 0);
    assert_eq!(purge(DeadFilter { kind: Some("other".to_owned()), ..all.clone() }).await, 0);
    assert_eq!(purge(DeadFilter { reason: Some("fatal".to_owned()), ..all.clone() }).await, 0);
    let until = t.clock.now() - TimeDelta::minutes(6);
    assert_eq!(purge(DeadFilter { died_until: Some(until), ..all.clone() }).await, 2);
    assert_eq!(deaths(db, alice).await.len(), 4);
    let wrong = DeadFilter { reason: Some("bored".to_owned()), ..all.clone() };
    assert!(matches!(jobs.purge_dead(alice, &wrong).await, Err(Error::Invalid(_))));
    let reader = t.alice.caller_with(&["jobs.jobs.read"]);
    assert!(matches!(jobs.purge_dead(&reader, &all).await, Err(Error::Forbidden(_))));
    assert_eq!(purge(all).await, 4);
    assert_eq!(
        (lane_counts(db, alice).await.dead, lane_counts(db, &t.mallory.caller).await.dead),
        (0, 3),
        "her other jobs went well"
    );
}

#[tenant_test]
async fn purging_a_queue_ends_what_waits_and_nothing_else(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    enqueue(db, alice, "bad", Options::default().attempts(1)).await;
    runtime(db, &moody()).drain(alice).await.unwrap();
    let unique = Options::default().unique("1");
    enqueue(db, alice, "unique", unique.clone()).await;
    let batch: Vec<_> = (0..2_500).map(|number| crate::work::work(&number.to_string())).collect();
    db.tenant(alice, move |tx| veza_jobs::enqueue_many(tx, &batch)).await.unwrap();
    for name in ["later", "elsewhere"] {
        let delay = Options::default().delay(Duration::from_mins(1));
        let options = if name == "later" { delay } else { delay.queue("elsewhere") };
        enqueue(db, alice, name, options).await;
        enqueue(db, &t.mallory.caller, name, Options::default()).await;
    }
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    let queue = QueueName::new("work").unwrap();
    assert_eq!(jobs.purge_queue(alice, &queue).await.unwrap(), 2_502);
    assert_eq!(states(db, alice).await, (0, 1, 0, 1, 0), "another queue's, and the dead");
    assert_eq!(states(db, &t.mallory.caller).await.0, 2);
    let counts = lane_counts(db, alice).await;
    assert_eq!((counts.waiting, counts.deferred, counts.cancelled), (0, 0, 2_502));
    assert!(!enqueue(db, alice, "again", unique).await.existing);
}
