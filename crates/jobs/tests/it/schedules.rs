//! A schedule's ticks are enqueued once each, and the policy decides about those that were missed.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use serde_json::json;
use veza_core::page::PageRequest;
use veza_core::{Caller, Db, Query, Reason, TenantScope, Timestamp, Write};
use veza_jobs::id::ScheduleId;
use veza_jobs::permission::{ManageJobs, ReadJobs};
use veza_jobs::schedule::{self, Missed, NewSchedule, Schedule, ScheduledJob, Timing};
use veza_jobs::{Error, Jobs, Runtime};
use veza_testing::{DbTest, TenantTest, TestDatabase, db_test, tenant_test};

use crate::work::{Background, config, eventually, work};

fn new(name: &str, timing: Timing) -> NewSchedule {
    NewSchedule::new(name, timing, ScheduledJob::new(&work(name)).unwrap())
}

fn hourly(name: &str) -> NewSchedule {
    new(name, Timing::cron("0 * * * *", "Europe/Vienna").unwrap())
}

async fn create(db: &Db, caller: &Caller, new: NewSchedule) -> Schedule {
    let permit = caller.permit::<ManageJobs>().unwrap();
    db.tenant(caller, move |tx| schedule::create_schedule(tx, &permit, &new)).await.unwrap()
}

async fn get(db: &Db, caller: &Caller, id: ScheduleId) -> Schedule {
    let permit = caller.permit::<ReadJobs>().unwrap();
    db.tenant(caller, move |tx| schedule::schedule(tx, &permit, id)).await.unwrap()
}

/// The ticks whose jobs a tenant has waiting, in the order in which they will be taken.
async fn ticks(db: &Db, caller: &Caller) -> Vec<Option<Timestamp>> {
    #[derive(QueryableByName)]
    struct Tick {
        #[diesel(sql_type = Nullable<Text>)]
        at: Option<String>,
    }
    let ticks = db.tenant(caller, |tx| {
        let sql = "SELECT meta -> 'schedule' ->> 'tick_at' AS at FROM jobs.ready WHERE tenant_id = $1 AND queue = 'work' \
                   ORDER BY rank, job_id";
        Ok::<_, Error>(tx.load::<Tick, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()))?)
    });
    ticks.await.unwrap().into_iter().map(|tick| tick.at.map(|at| at.parse().unwrap())).collect()
}

/// A runtime that ticks and has no handlers.
fn ticker(t: &DbTest) -> Background {
    Background::start(Runtime::builder(&Jobs::new(t.db.clone(), config()).unwrap()).build().unwrap())
}

/// A runtime as in a process of its own, with the test's clock.
pub(crate) fn process(t: &DbTest) -> Runtime {
    let (clock, random) = (Arc::clone(t.db.clock()), Arc::clone(t.db.random()));
    let db = t.database.open_with(TestDatabase::small_pool(), clock, random);
    Runtime::builder(&Jobs::new(db, config()).unwrap()).build().unwrap()
}

/// Waits until a schedule has no tick any more that is due.
async fn caught_up(t: &DbTest, id: ScheduleId) -> Schedule {
    let mut schedule = get(&t.db, &t.alice.caller, id).await;
    eventually("the schedule has caught up", async || {
        schedule = get(&t.db, &t.alice.caller, id).await;
        schedule.next_at.is_some_and(|next| next > t.clock.now())
    })
    .await;
    schedule
}

async fn hold(t: &DbTest, held: bool) {
    let sql = if held {
        "INSERT INTO jobs.holds (tenant_id, queue, held_by, held_at) VALUES ($1, '*', 'suspension', now())"
    } else {
        "DELETE FROM jobs.holds WHERE tenant_id = $1"
    };
    let tenant = t.alice.tenant;
    let hold = t.db.system(Reason("test"), move |tx| {
        Ok::<_, Error>(tx.execute(diesel::sql_query(sql).bind::<SqlUuid, _>(tenant))?)
    });
    assert_eq!(hold.await.unwrap(), 1);
}

#[db_test(clock = "manual")]
async fn each_tick_is_enqueued_once_though_many_runtimes_tick(t: DbTest) {
    let every = Timing::every(Duration::from_secs(10), t.clock.now()).unwrap();
    let schedule = create(&t.db, &t.alice.caller, new("often", every)).await;
    let first = schedule.next_at.unwrap();
    // Each with connections of its own, like processes, and one clock.
    let tickers = [0; 4].map(|_| Background::start(process(&t)));
    for _ in 0..20 {
        t.clock.advance(TimeDelta::seconds(10));
        caught_up(&t, schedule.id).await;
    }
    for ticker in tickers {
        ticker.stop().await;
    }
    let expected: Vec<_> = (0..20).map(|n| Some(first + TimeDelta::seconds(10 * n))).collect();
    assert_eq!(ticks(&t.db, &t.alice.caller).await, expected);
    let counted = t.database.superuser().count(
        "SELECT coalesce(sum(waiting), 0)::bigint FROM \
        (SELECT waiting FROM jobs.deltas UNION ALL SELECT waiting FROM jobs.counts) AS n",
    );
    assert_eq!(counted, 20);
}

#[db_test(clock = "manual")]
async fn a_tick_that_is_written_down_is_not_enqueued_again(t: DbTest) {
    let schedule = create(&t.db, &t.alice.caller, hourly("once")).await;
    // As if another scheduler had enqueued it and its clock were ahead.
    let next = schedule.next_at.unwrap();
    t.database.superuser().execute(&format!(
        "INSERT INTO jobs.schedule_ticks VALUES ('{}', '{}', '{next}', gen_random_uuid())",
        t.alice.tenant, schedule.id
    ));
    t.clock.advance(next - t.clock.now());
    let ticker = ticker(&t);
    caught_up(&t, schedule.id).await;
    ticker.stop().await;
    assert!(ticks(&t.db, &t.alice.caller).await.is_empty());
}

#[db_test(clock = "manual")]
async fn after_downtime_the_policy_decides(t: DbTest) {
    for (missed, expected) in
        [(Missed::Skip, 0), (Missed::One, 1), (Missed::All(3), 3), (Missed::All(100), 5)]
    {
        let schedule = create(&t.db, &t.alice.caller, hourly(&format!("{missed:?}")).missed(missed)).await;
        let before = ticks(&t.db, &t.alice.caller).await.len();
        // Five ticks on, and half an hour past the last of them.
        let last = schedule.next_at.unwrap() + TimeDelta::hours(4);
        t.clock.advance(last + TimeDelta::minutes(30) - t.clock.now());
        let ticker = ticker(&t);
        let schedule = caught_up(&t, schedule.id).await;
        ticker.stop().await;
        let ran = ticks(&t.db, &t.alice.caller).await;
        assert_eq!(ran.len() - before, expected, "{missed:?}");
        assert_eq!(schedule.last_at, (expected > 0).then_some(last), "{missed:?}");
        let permit = t.alice.caller.permit::<ManageJobs>().unwrap();
        let id = schedule.id;
        t.db.tenant(&t.alice.caller, move |tx| schedule::remove_schedule(tx, &permit, id, None))
            .await
            .unwrap();
    }
}

#[db_test(clock = "manual")]
async fn a_suspended_tenant_does_not_tick_and_others_do(t: DbTest) {
    let hers = create(&t.db, &t.alice.caller, hourly("hers").missed(Missed::All(100))).await;
    create(&t.db, &t.mallory.caller, hourly("other")).await;
    hold(&t, true).await;
    t.clock.advance(hers.next_at.unwrap() - t.clock.now());
    let ticker = ticker(&t);
    eventually("the other tenant ticks", async || ticks(&t.db, &t.mallory.caller).await.len() == 1).await;
    assert!(ticks(&t.db, &t.alice.caller).await.is_empty());
    t.clock.advance(TimeDelta::hours(2));
    hold(&t, false).await;
    caught_up(&t, hers.id).await;
    ticker.stop().await;
    assert_eq!(ticks(&t.db, &t.alice.caller).await.len(), 3, "what was missed is made up for");
}

#[db_test(clock = "manual")]
async fn a_paused_schedule_does_not_tick_and_misses_nothing(t: DbTest) {
    let paused = create(&t.db, &t.alice.caller, hourly("paused").missed(Missed::All(100)).paused()).await;
    assert_eq!(paused.next_at, None);
    let control = create(&t.db, &t.mallory.caller, hourly("control").missed(Missed::Skip)).await;
    t.clock.advance(control.next_at.unwrap() - t.clock.now());
    let ticker = ticker(&t);
    eventually("the control ticks", async || ticks(&t.db, &t.mallory.caller).await.len() == 1).await;
    t.clock.advance(TimeDelta::minutes(1));
    let (permit, id) = (t.alice.caller.permit::<ManageJobs>().unwrap(), paused.id);
    let resume = t.db.tenant(&t.alice.caller, move |tx| schedule::pause_schedule(tx, &permit, id, false));
    let resumed = resume.await.unwrap();
    assert!(resumed.next_at.unwrap() > t.clock.now());
    t.clock.advance(TimeDelta::hours(1));
    caught_up(&t, id).await;
    ticker.stop().await;
    assert_eq!(ticks(&t.db, &t.alice.caller).await, [resumed.next_at]);
}

#[tenant_test(clock = "manual")]
async fn schedules_are_made_listed_changed_run_and_removed(t: TenantTest) {
    let alice = &t.alice.caller;
    let first = create(&t.db, alice, hourly("first")).await;
    create(&t.db, alice, hourly("second")).await;
    let (manage, read) = (alice.permit::<ManageJobs>().unwrap(), alice.permit::<ReadJobs>().unwrap());
    let steps = t.db.tenant(alice, move |tx| {
        let taken = schedule::create_schedule(tx, &manage, &hourly("first")).unwrap_err();
        assert!(matches!(taken, Error::NameTaken("schedule")), "{taken:?}");
        for (bad, field) in [(hourly(" "), "/name"), (hourly("x").missed(Missed::All(0)), "/missed/all")] {
            let refused = schedule::create_schedule(tx, &manage, &bad).unwrap_err();
            assert!(matches!(&refused, Error::Invalid(fields) if fields[0].field == field), "{refused:?}");
        }
        let page = schedule::schedules(tx, &read, &PageRequest { limit: 1, after: None })?;
        assert_eq!((page.items.len(), page.next_cursor.is_some()), (1, true));
        let daily = new("daily", Timing::cron("@daily", "Asia/Tokyo").unwrap());
        let changed = schedule::update_schedule(tx, &manage, first.id, Some(&[1]), &daily)?;
        assert_eq!(
            (changed.version, changed.zone.as_str(), changed.cron.as_deref()),
            (2, "Asia/Tokyo", Some("@daily"))
        );
        let stale = schedule::update_schedule(tx, &manage, first.id, Some(&[1]), &daily).unwrap_err();
        assert!(matches!(stale, Error::VersionMismatch));
        schedule::run_now(tx, &manage, first.id)?;
        veza_jobs::assert_enqueued::<crate::work::Work>(tx, |job| job.name == "daily");
        let same =
            tx.savepoint(|tx| schedule::update_schedule(tx, &manage, first.id, None, &hourly("second")));
        assert!(matches!(same.unwrap_err(), Error::NameTaken("schedule")));
        schedule::remove_schedule(tx, &manage, first.id, None)?;
        let gone = schedule::schedule(tx, &read, first.id).unwrap_err();
        assert!(matches!(gone, Error::NotFound("schedule")));
        Ok::<_, Error>(())
    });
    steps.await.unwrap();
}

#[tenant_test]
async fn another_tenants_schedule_is_like_none(t: TenantTest) {
    let hers = create(&t.db, &t.alice.caller, hourly("hers")).await;
    // A name is taken in one tenant only.
    create(&t.db, &t.mallory.caller, hourly("hers")).await;
    let mallory = &t.mallory.caller;
    let (manage, read) = (mallory.permit::<ManageJobs>().unwrap(), mallory.permit::<ReadJobs>().unwrap());
    let attack = t.db.tenant(mallory, move |tx| {
        let not_found = |error: Error| assert!(matches!(error, Error::NotFound("schedule")), "{error:?}");
        not_found(schedule::schedule(tx, &read, hers.id).unwrap_err());
        not_found(schedule::update_schedule(tx, &manage, hers.id, None, &hourly("mine")).unwrap_err());
        not_found(schedule::pause_schedule(tx, &manage, hers.id, true).unwrap_err());
        not_found(schedule::run_now(tx, &manage, hers.id).unwrap_err());
        not_found(schedule::remove_schedule(tx, &manage, hers.id, None).unwrap_err());
        assert_eq!(schedule::schedules(tx, &read, &PageRequest { limit: 9, after: None })?.items.len(), 1);
        Ok::<_, Error>(())
    });
    attack.await.unwrap();
    let forbidden = t.alice.caller_with(&["jobs.jobs.read"]);
    assert!(forbidden.permit::<ManageJobs>().is_err());
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tenant_test]
async fn a_schedule_can_send_messages(t: TenantTest) {
    let job = ScheduledJob::message("inbox", json!({"report": "daily"})).unwrap();
    let new = NewSchedule::new("report", Timing::cron("@daily", "UTC").unwrap(), job);
    let permit = t.alice.caller.permit::<ManageJobs>().unwrap();
    let (early, queue) = (new.clone(), serde_json::from_value(json!({ "name": "inbox", "max_receives": 3 })));
    let made = t.db.tenant(&t.alice.caller, move |tx| {
        let refused = schedule::create_schedule(tx, &permit, &early).unwrap_err();
        assert!(matches!(&refused, Error::Invalid(fields) if fields[0].field == "/queue"), "{refused:?}");
        veza_jobs::pull::create(tx, &permit, queue.as_ref().unwrap())
    });
    made.await.unwrap();
    let schedule = create(&t.db, &t.alice.caller, new).await;
    assert_eq!((schedule.queue.as_str(), schedule.kind.as_str()), ("pull:inbox", "message"));
    let permit = t.alice.caller.permit::<ManageJobs>().unwrap();
    let count = t.db.tenant(&t.alice.caller, move |tx| {
        schedule::run_now(tx, &permit, schedule.id)?;
        let sql = "SELECT count(*) AS count FROM jobs.ready WHERE tenant_id = $1 AND queue = 'pull:inbox' AND max_attempts = 3";
        Ok::<_, Error>(
            tx.get_result::<Count, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()))?.count,
        )
    });
    assert_eq!(count.await.unwrap(), 1);
}
