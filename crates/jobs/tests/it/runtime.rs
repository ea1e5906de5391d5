//! What becomes of jobs in a runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use veza_jobs::{Concurrency, Context, Error, JobError, Jobs, Options, Outcome, Runtime};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::work::{Background, Work, Worker, config, deaths, enqueue, eventually, runtime, states};

#[db_test]
async fn jobs_of_all_tenants_run_and_leave_nothing_behind(t: DbTest) {
    let worker = Worker::content();
    let background = Background::start(runtime(&t.db, &worker));
    for number in 0..100 {
        let caller = if number % 2 == 0 { &t.alice.caller } else { &t.mallory.caller };
        enqueue(&t.db, caller, &number.to_string(), Options::default()).await;
    }
    eventually("all have run", async || worker.seen().len() == 100).await;
    background.stop().await;
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0));
    assert_eq!(states(&t.db, &t.mallory.caller).await, (0, 0, 0, 0, 0));
    let mut names = worker.names();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 100, "each ran once");
}

#[tenant_test(clock = "manual")]
async fn failures_are_retried_and_end_among_the_dead(t: TenantTest) {
    let worker = Worker::new(|_, _| Err(JobError::retry("the moon is in the wrong house\0")));
    let runtime = runtime(&t.db, &worker);
    enqueue(&t.db, &t.alice.caller, "hapless", Options::default().attempts(3)).await;
    for attempt in 1..=3 {
        assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 1, "{attempt}");
        t.clock.advance(TimeDelta::minutes(1));
    }
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 0);
    assert_eq!(worker.seen().iter().map(|(_, attempt)| *attempt).collect::<Vec<_>>(), [1, 2, 3]);
    let dead = deaths(&t.db, &t.alice.caller).await;
    assert_eq!(dead, [("failed".to_owned(), "the moon is in the wrong house".to_owned())]);
}

#[tenant_test(clock = "manual")]
async fn every_way_to_fail_ends_in_sight(t: TenantTest) {
    let worker = Worker::new(|job, _| match job.name.as_str() {
        "panics" => panic!("on purpose"),
        "fatal" => Err(JobError::fatal("of no use")),
        _ => Ok(Outcome::Done),
    });
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let sleeper = async |_: Work, _: Context| {
        tokio::time::sleep(Duration::from_mins(1)).await;
        Ok::<_, JobError>(())
    };
    let once = Options::default().attempts(1);
    let runtime = runtime(&t.db, &worker);
    for name in ["panics", "fatal"] {
        enqueue(&t.db, &t.alice.caller, name, once.clone()).await;
        t.clock.advance(TimeDelta::milliseconds(1));
    }
    runtime.drain(&t.alice.caller).await.unwrap();
    enqueue(&t.db, &t.alice.caller, "slow", once.clone().timeout(Duration::from_millis(20))).await;
    let slow = Runtime::builder(&jobs).handler::<Work, _>(sleeper).build().unwrap();
    slow.drain(&t.alice.caller).await.unwrap();
    t.clock.advance(TimeDelta::milliseconds(1));
    enqueue(&t.db, &t.alice.caller, "unknown", once.clone()).await;
    let none = Runtime::builder(&jobs).queue("work", Concurrency::new(1)).build().unwrap();
    none.drain(&t.alice.caller).await.unwrap();
    let dead = deaths(&t.db, &t.alice.caller).await;
    let said: Vec<(&str, &str)> = dead.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        said,
        [
            ("failed", "panicked: on purpose"),
            ("fatal", "of no use"),
            ("failed", "timed out after 20 ms"),
            ("failed", "this program has no handler for test.work"),
        ]
    );
}

#[tenant_test(clock = "manual")]
async fn snoozing_uses_up_no_attempt_and_cancelling_ends_it(t: TenantTest) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let worker = Worker::new(move |_, _| match counted.fetch_add(1, Ordering::SeqCst) {
        0..5 => Ok(Outcome::Snooze(Duration::from_secs(10))),
        _ => Ok(Outcome::Cancel),
    });
    let runtime = runtime(&t.db, &worker);
    enqueue(&t.db, &t.alice.caller, "sleepy", Options::default().attempts(1).keep()).await;
    for _ in 0..6 {
        runtime.drain(&t.alice.caller).await.unwrap();
        t.clock.advance(TimeDelta::seconds(10));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 6);
    assert!(worker.seen().iter().all(|(_, attempt)| *attempt == 1));
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 1));
}

#[tenant_test]
async fn effects_and_end_are_one_transaction(t: TenantTest) {
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let handler = async |job: Work, cx: Context| {
        let done = cx
            .complete_in(|tx| {
                veza_jobs::enqueue_with(
                    tx,
                    &Work { name: "effect".to_owned() },
                    Options::default().queue("effects"),
                )
            })
            .await;
        if job.name == "twice" {
            // The lease has ended, so nothing more can be written through it.
            let again = cx.complete_in(|tx| veza_jobs::enqueue(tx, &Work { name: "again".to_owned() })).await;
            assert!(matches!(again, Err(Error::LeaseLost)), "{again:?}");
        }
        done?;
        Ok::<_, JobError>(())
    };
    let runtime = Runtime::builder(&jobs).handler::<Work, _>(handler).build().unwrap();
    enqueue(&t.db, &t.alice.caller, "once", Options::default()).await;
    enqueue(&t.db, &t.alice.caller, "twice", Options::default()).await;
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 2);
    assert_eq!(states(&t.db, &t.alice.caller).await, (2, 0, 0, 0, 0), "two effects and nothing else");
}

#[db_test]
async fn a_stopping_process_gives_back_without_counting(t: DbTest) {
    let jobs = Jobs::new(
        t.db.clone(),
        veza_jobs::JobsConfig { drain_timeout: veza_core::config::Period::from_millis(100), ..config() },
    )
    .unwrap();
    let began = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&began);
    let deaf = move |_: Work, _: Context| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { std::future::pending::<Result<(), JobError>>().await }
    };
    let deaf = Runtime::builder(&jobs).handler::<Work, _>(deaf).build().unwrap();
    let background = Background::start(deaf);
    enqueue(&t.db, &t.alice.caller, "long", Options::default().attempts(1)).await;
    eventually("it has begun", async || began.load(Ordering::SeqCst) == 1).await;
    background.stop().await;
    assert_eq!(states(&t.db, &t.alice.caller).await, (1, 0, 0, 0, 0));
    let worker = Worker::content();
    runtime(&t.db, &worker).drain(&t.alice.caller).await.unwrap();
    assert_eq!(worker.seen(), [("long".to_owned(), 1)]);
}

#[db_test]
async fn a_deferred_job_runs_when_it_is_due_and_a_failed_one_again(t: DbTest) {
    let worker = Worker::new(|_, cx| match cx.attempt() {
        1 => Err(JobError::RetryAfter(Duration::from_millis(50), "not yet".to_owned())),
        _ => Ok(Outcome::Done),
    });
    let background = Background::start(runtime(&t.db, &worker));
    enqueue(&t.db, &t.alice.caller, "later", Options::default().delay(Duration::from_millis(50))).await;
    eventually("it ran twice", async || worker.seen().len() == 2).await;
    background.stop().await;
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0));
}

#[db_test]
async fn who_was_taken_for_dead_lets_go_of_what_nobody_took(t: DbTest) {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let handler = move |_: Work, cx: Context| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                cx.cancelled().await;
                return Err(JobError::retry("told to stop"));
            }
            Ok(())
        }
    };
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let runtime = Runtime::builder(&jobs).handler::<Work, _>(handler).build().unwrap();
    enqueue(&t.db, &t.alice.caller, "left", Options::default().timeout(Duration::from_hours(1))).await;
    let background = Background::start(runtime);
    eventually("it runs", async || runs.load(Ordering::SeqCst) == 1).await;
    // Somebody took the process off the list, and had no time to take all of its jobs.
    t.database.superuser().execute("DELETE FROM jobs.processes");
    eventually("it runs again", async || runs.load(Ordering::SeqCst) == 2).await;
    eventually("it is done", async || states(&t.db, &t.alice.caller).await == (0, 0, 0, 0, 0)).await;
    background.stop().await;
}
