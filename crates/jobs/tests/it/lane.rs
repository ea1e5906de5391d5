//! Limits of a lane hold over all processes, and hold nobody else up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use tokio::sync::Semaphore;
use veza_core::{Caller, Db};
use veza_jobs::{
    Context, Error, JobError, Jobs, LaneChange, LaneLimits, Options, QueueName, Runtime, get_lane, set_lane,
};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::work::{Background, Work, Worker, config, enqueue, eventually, runtime};

async fn change(db: &Db, caller: &Caller, change: LaneChange) -> Result<LaneLimits, Error> {
    db.tenant(caller, move |tx| set_lane(tx, &QueueName::new("work")?, &change)).await
}

fn cap(most: i32) -> LaneChange {
    LaneChange { max_running: Some(Some(most)), ..LaneChange::default() }
}

/// Counts who is at work, and lets nobody end before the gate opens.
#[derive(Clone)]
struct Gate {
    at_work: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    others: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        let zero = || Arc::new(AtomicUsize::new(0));
        Self {
            at_work: zero(),
            most: zero(),
            ended: zero(),
            others: zero(),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    fn runtime(&self, db: &Db) -> Runtime {
        let gate = self.clone();
        let handler = move |job: Work, _: Context| {
            let gate = gate.clone();
            async move {
                if job.name == "other" {
                    gate.others.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                let at_work = gate.at_work.fetch_add(1, Ordering::SeqCst) + 1;
                gate.most.fetch_max(at_work, Ordering::SeqCst);
                gate.open.acquire().await.unwrap().forget();
                gate.at_work.fetch_sub(1, Ordering::SeqCst);
                gate.ended.fetch_add(1, Ordering::SeqCst);
                Ok::<_, JobError>(())
            }
        };
        Runtime::builder(&Jobs::new(db.clone(), config()).unwrap())
            .handler::<Work, _>(handler)
            .build()
            .unwrap()
    }
}

#[db_test]
async fn a_cap_holds_over_processes_and_holds_nobody_else_up(t: DbTest) {
    let gate = Gate::new();
    change(&t.db, &t.alice.caller, cap(3)).await.unwrap();
    let second = t.database.open(veza_testing::TestDatabase::small_pool());
    let processes = [Background::start(gate.runtime(&t.db)), Background::start(gate.runtime(&second))];
    for _ in 0..20 {
        enqueue(&t.db, &t.alice.caller, "capped", Options::default()).await;
    }
    eventually("three run", async || gate.at_work.load(Ordering::SeqCst) == 3).await;
    for _ in 0..20 {
        enqueue(&t.db, &t.mallory.caller, "other", Options::default()).await;
    }
    eventually("the others ran meanwhile", async || gate.others.load(Ordering::SeqCst) == 20).await;
    assert_eq!(gate.at_work.load(Ordering::SeqCst), 3);
    gate.open.add_permits(20);
    eventually("all have run", async || gate.ended.load(Ordering::SeqCst) == 20).await;
    for process in processes {
        process.stop().await;
    }
    assert_eq!(gate.most.load(Ordering::SeqCst), 3);
}

#[db_test]
async fn a_new_cap_counts_what_runs_already(t: DbTest) {
    let gate = Gate::new();
    let background = Background::start(gate.runtime(&t.db));
    for _ in 0..5 {
        enqueue(&t.db, &t.alice.caller, "before", Options::default()).await;
    }
    eventually("five run", async || gate.at_work.load(Ordering::SeqCst) == 5).await;
    change(&t.db, &t.alice.caller, cap(6)).await.unwrap();
    for _ in 0..5 {
        enqueue(&t.db, &t.alice.caller, "after", Options::default()).await;
    }
    eventually("one more runs", async || gate.at_work.load(Ordering::SeqCst) == 6).await;
    gate.open.add_permits(10);
    eventually("all have run", async || gate.ended.load(Ordering::SeqCst) == 10).await;
    background.stop().await;
    assert_eq!(gate.most.load(Ordering::SeqCst), 6);
}

#[tenant_test(clock = "manual")]
async fn a_rate_holds(t: TenantTest) {
    let worker = Worker::content();
    let runtime = runtime(&t.db, &worker);
    let rate = LaneChange { per_minute: Some(Some(120)), ..LaneChange::default() };
    change(&t.db, &t.alice.caller, rate).await.unwrap();
    for number in 0..300 {
        enqueue(&t.db, &t.alice.caller, &number.to_string(), Options::default()).await;
    }
    let ran = async || runtime.drain(&t.alice.caller).await.unwrap().attempts;
    assert_eq!(ran().await, 2, "a second's worth");
    assert_eq!(ran().await, 0);
    t.clock.advance(TimeDelta::milliseconds(500));
    assert_eq!(ran().await, 1);
    t.clock.advance(TimeDelta::seconds(10));
    assert_eq!(ran().await, 20);
    t.clock.advance(TimeDelta::hours(2));
    assert_eq!(ran().await, 120, "what was saved up is a minute's worth");
    let slow = LaneChange { per_minute: Some(Some(1)), ..LaneChange::default() };
    change(&t.db, &t.alice.caller, slow).await.unwrap();
    assert_eq!(ran().await, 1, "at least one");
    let none = LaneChange { per_minute: Some(None), ..LaneChange::default() };
    change(&t.db, &t.alice.caller, none).await.unwrap();
    assert_eq!(ran().await, 156);
}

#[tenant_test]
async fn a_change_changes_what_it_names(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let all = LaneChange { weight: Some(7), max_running: Some(Some(3)), per_minute: Some(Some(60)) };
    change(db, alice, all).await.unwrap();
    change(db, alice, LaneChange { max_running: Some(None), ..LaneChange::default() }).await.unwrap();
    let lane = |tx: &mut veza_core::TenantTx<'_>| get_lane(tx, &QueueName::new("work")?);
    let expected = LaneLimits { weight: 7, max_running: None, per_minute: Some(60) };
    assert_eq!(db.tenant(alice, lane).await.unwrap(), expected);
    assert_eq!(db.tenant(&t.mallory.caller, lane).await.unwrap(), LaneLimits::default());
    let wrong = LaneChange { weight: Some(0), max_running: Some(Some(0)), per_minute: Some(Some(-1)) };
    let Err(Error::Invalid(fields)) = change(db, alice, wrong).await else { panic!("it was accepted") };
    let fields: Vec<&str> = fields.iter().map(|field| &*field.field).collect();
    assert_eq!(fields, ["/weight", "/max_running", "/per_minute"]);
}
