//! Whatever is done to jobs, in whatever order and at the same time: the counts are those of the tables, and
//! no job is lost or there twice.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;
use veza_core::db::Role;
use veza_core::{Query, Reason, TenantScope, Write};
use veza_jobs::pull::{self, NewQueue};
use veza_jobs::{
    DeadFilter, Error, JobError, JobId, Jobs, Options, Outcome, Priority, QueueName, RedriveRequest, cancel,
    enqueue_with, redrive, retry,
};
use veza_testing::{DbTest, db_test};

use crate::work::{Background, Worker, config, runtime, work};

/// Numbers that look like chance, and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const QUEUES: [&str; 2] = ["work", "pull:mail"];

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    job_id: Uuid,
}

/// One of the tenant's jobs of a queue, wherever it is.
async fn any(t: &DbTest, queue: &'static str, dice: &mut Dice) -> JobId {
    let place = i64::try_from(dice.roll(1 << 20)).unwrap();
    let found = t.db.tenant(&t.alice.caller, move |tx| {
        let all = ["ready", "deferred", "leases", "dead"]
            .map(|table| format!("SELECT job_id FROM jobs.{table} WHERE tenant_id = $1 AND queue = $2"))
            .join(" UNION ALL ");
        let sql = format!(
            "WITH j AS ({all}) SELECT job_id FROM j ORDER BY job_id OFFSET $3 % greatest((SELECT count(*) FROM j), 1) LIMIT 1"
        );
        let sql = diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(queue);
        Ok::<_, Error>(tx.find_result::<Id, _>(sql.bind::<BigInt, _>(place))?)
    });
    JobId::from_uuid(found.await.unwrap().map_or(Uuid::from_u128(1), |id| id.job_id))
}

/// Ends leases of a queue in one of the ways that there are, whosever they are.
async fn end(t: &DbTest, queue: &'static str, how: u64) {
    let keys = "array_agg(tenant_id), array_agg(job_id), array_agg(token)";
    let ending = match how {
        0 => format!("jobs.finish(now(), {keys}, array_agg('done'::text), array_agg(NULL::text))"),
        1 => format!(
            "jobs.put_back(now(), {keys}, array_agg(NULL::timestamptz), array_agg(0::smallint), array_agg(NULL::text))"
        ),
        2 => format!(
            "jobs.put_back(now(), {keys}, array_agg(now()), array_agg((-1)::smallint), array_agg(NULL::text))"
        ),
        _ => format!(
            "jobs.bury(now(), {keys}, array_agg('fatal'::text), array_agg('e'::text), array_agg(NULL::text))"
        ),
    };
    let sql = format!(
        "SELECT {ending} FROM (SELECT * FROM jobs.leases WHERE tenant_id = $1 AND queue = $2 LIMIT 3) AS l HAVING count(*) > 0"
    );
    let ended = t.db.tenant(&t.alice.caller, move |tx| {
        let sql = diesel::sql_query(&sql).bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(queue);
        Ok::<_, Error>(tx.execute(sql)?)
    });
    ended.await.unwrap();
}

async fn dispatch(t: &DbTest, sql: &'static str) {
    t.db.dispatch(Reason("test"), move |tx| tx.execute(diesel::sql_query(sql)).map(drop)).await.unwrap();
}

async fn enqueue(t: &DbTest, dice: &mut Dice) {
    for _ in 0..=dice.roll(8) {
        let level = i8::try_from(dice.roll(19)).unwrap() - 9;
        let mut options = Options::default().priority(Priority::new(level)).attempts(3);
        options = match dice.roll(4) {
            0 => options.delay(Duration::from_secs(dice.roll(120))),
            1 => options.unique(dice.roll(4).to_string()),
            2 => options.unique_for(dice.roll(4).to_string(), Duration::from_secs(30)),
            _ => options.keep(),
        };
        let name = work(&dice.roll(1 << 30).to_string());
        t.db.tenant(&t.alice.caller, move |tx| enqueue_with(tx, &name, options.clone())).await.unwrap();
    }
}

async fn of_messages(t: &DbTest, jobs: &Jobs, dice: &mut Dice) {
    let caller = &t.alice.caller;
    let ask = serde_json::from_value(json!({ "max_messages": 1 + dice.roll(10) })).unwrap();
    let received =
        jobs.receive(caller, &caller.permit().unwrap(), "mail", ask, std::future::ready(())).await.unwrap();
    for message in received.messages {
        let (how, seconds) = (dice.roll(4), dice.roll(2));
        let permit = caller.permit().unwrap();
        t.db.tenant(caller, move |tx| {
            let receipt = &message.receipt;
            match how {
                0 => {
                    let ended = serde_json::from_value(json!({ "receipt": receipt })).unwrap();
                    pull::acknowledge(tx, &permit, "mail", &ended).map(drop)
                }
                1 => {
                    let ended =
                        json!({ "receipt": receipt, "delay_seconds": seconds, "dead_letter": seconds == 1 });
                    pull::reject(tx, &permit, "mail", &serde_json::from_value(ended).unwrap()).map(drop)
                }
                2 => {
                    let ended = json!({ "receipt": receipt, "visibility_timeout_seconds": 0 });
                    pull::extend(tx, &permit, "mail", &serde_json::from_value(ended).unwrap()).map(drop)
                }
                _ => Ok(()),
            }
            // Others may have ended it meanwhile.
            .or_else(|error| if matches!(error, Error::LeaseLost) { Ok(()) } else { Err(error) })
        })
        .await
        .unwrap();
    }
}

/// Does one thing to the jobs of a tenant.
async fn step(t: &DbTest, jobs: &Jobs, dice: &mut Dice, purged: &AtomicI64) {
    let caller = &t.alice.caller;
    let queue = QUEUES[usize::try_from(dice.roll(2)).unwrap()];
    let name = QueueName::parse(queue).unwrap();
    let permit = caller.permit().unwrap();
    match dice.roll(16) {
        0..3 => enqueue(t, dice).await,
        3..5 => {
            let message = json!({ "body": 1, "delay_seconds": dice.roll(3) * 10, "priority": dice.roll(9) });
            let message = serde_json::from_value(message).unwrap();
            let send = caller.permit().unwrap();
            t.db.tenant(caller, move |tx| pull::send(tx, &send, "mail", &message)).await.unwrap();
        }
        5..7 => of_messages(t, jobs, dice).await,
        7 => end(t, queue, dice.roll(4)).await,
        8 => {
            let id = any(t, queue, dice).await;
            let cancelled = t.db.tenant(caller, move |tx| cancel(tx, &permit, id)).await;
            assert!(matches!(cancelled, Ok(_) | Err(Error::NotFound(_))), "{cancelled:?}");
        }
        9 => {
            let id = any(t, queue, dice).await;
            let tried = t.db.tenant(caller, move |tx| retry(tx, &permit, id)).await;
            let fine = [Error::NotRetriable, Error::KeyTaken, Error::NotFound("job")].map(|e| e.to_string());
            assert!(tried.as_ref().map_or_else(|e| fine.contains(&e.to_string()), |()| true), "{tried:?}");
        }
        10 if dice.roll(4) == 0 => {
            jobs.purge_queue(caller, &name).await.unwrap();
        }
        10 if dice.roll(4) == 0 => {
            jobs.purge_messages(caller, &permit, "mail").await.unwrap();
        }
        11 if dice.roll(4) == 0 => {
            let gone = jobs.purge_dead(caller, &DeadFilter::of(name)).await.unwrap();
            if queue == "work" {
                purged.fetch_add(i64::try_from(gone).unwrap(), Ordering::Relaxed);
            }
        }
        12 => dispatch(t, "SELECT * FROM jobs.rescue(now() + interval '1 hour', '1 hour', 3)").await,
        13 => {
            let request = RedriveRequest { filter: DeadFilter::of(name), per_minute: None, to: None };
            let begun = t.db.tenant(caller, move |tx| redrive(tx, &permit, &request)).await;
            assert!(matches!(begun, Ok(_) | Err(Error::RedriveLimit)), "{begun:?}");
            dispatch(t, "SELECT * FROM jobs.step_redrive(now() + interval '1 day', 60000000, 1000)").await;
        }
        14 => dispatch(t, "SELECT jobs.fold(7)").await,
        15 => {
            t.clock.advance(TimeDelta::seconds(i64::try_from(dice.roll(40)).unwrap()));
            dispatch(t, "SELECT * FROM jobs.promote(now() + interval '1 day', 5, NULL, 60000000)").await;
            dispatch(t, "SELECT * FROM jobs.expire(now() + interval '30 s', '00000000-0000-0000-0000-000000000000', '', 100, 2)").await;
        }
        _ => {}
    }
}

/// Compares what was counted with what there is.
fn check(t: &DbTest, purged: i64, when: &str) {
    for queue in QUEUES {
        let counted = "SELECT coalesce(sum(waiting), 0) || '/' || coalesce(sum(deferred), 0) || '/' || \
                              coalesce(sum(running), 0) || '/' || coalesce(sum(dead), 0) \
                       FROM (SELECT queue, waiting, deferred, running, dead FROM jobs.counts UNION ALL \
                             SELECT queue, waiting, deferred, running, dead FROM jobs.deltas) AS c";
        let there = ["ready", "deferred", "leases", "dead"]
            .map(|table| format!("(SELECT count(*) FROM jobs.{table} WHERE queue = '{queue}')"))
            .join(" || '/' || ");
        let text = |sql: String| t.database.superuser().text(&sql);
        assert_eq!(
            text(format!("{counted} WHERE queue = '{queue}'")),
            text(format!("SELECT {there}")),
            "{queue} {when}"
        );
    }
    let missing = "SELECT coalesce(sum(enqueued - waiting - deferred - running - dead - done - cancelled), 0) \
                   FROM (SELECT * FROM jobs.counts UNION ALL SELECT * FROM jobs.deltas) AS c WHERE queue = 'work'";
    assert_eq!(
        t.database.superuser().text(missing),
        Some(purged.to_string()),
        "jobs come and go once {when}"
    );
    let twice = "SELECT count(*) - count(DISTINCT (tenant_id, job_id)) FROM ( \
                 SELECT tenant_id, job_id FROM jobs.ready UNION ALL SELECT tenant_id, job_id FROM jobs.deferred UNION ALL \
                 SELECT tenant_id, job_id FROM jobs.leases UNION ALL SELECT tenant_id, job_id FROM jobs.dead UNION ALL \
                 SELECT tenant_id, job_id FROM jobs.done) AS j";
    assert_eq!(t.database.superuser().text(twice).as_deref(), Some("0"), "no job is in two places {when}");
    let orphans = "SELECT count(*) FROM jobs.unique_keys AS u WHERE expires_at IS NULL AND NOT EXISTS ( \
                   SELECT FROM (SELECT job_id FROM jobs.ready UNION ALL SELECT job_id FROM jobs.deferred UNION ALL \
                   SELECT job_id FROM jobs.leases) AS j WHERE j.job_id = u.job_id)";
    assert_eq!(t.database.superuser().text(orphans).as_deref(), Some("0"), "no key is held by nobody {when}");
}

async fn prepare(t: &DbTest) -> Jobs {
    let permit = t.alice.caller.permit().unwrap();
    let new: NewQueue =
        serde_json::from_value(json!({ "name": "mail", "retention_seconds": 60, "max_receives": 3 }))
            .unwrap();
    t.db.tenant(&t.alice.caller, move |tx| pull::create(tx, &permit, &new)).await.unwrap();
    let _url = t.url(Role::Jobs);
    Jobs::new(t.db.clone(), config()).unwrap()
}

#[db_test(clock = "manual")]
async fn counts_are_right_after_every_kind_of_operation(t: DbTest) {
    let jobs = prepare(&t).await;
    let purged = AtomicI64::new(0);
    let worker = Worker::new(|work, _| match work.name.len() % 5 {
        0 => Ok(Outcome::Cancel),
        1 => Err(JobError::Fatal("no".to_owned())),
        2 => Err(JobError::Retry("not yet".to_owned())),
        _ => Ok(Outcome::Done),
    });
    let runtime = runtime(&t.db, &worker);
    for seed in 0..4 {
        let mut dice = Dice(seed);
        for number in 0..150 {
            step(&t, &jobs, &mut dice, &purged).await;
            if number % 40 == 20 {
                runtime.drain(&t.alice.caller).await.unwrap();
            }
            if number % 10 == 0 {
                check(&t, purged.load(Ordering::Relaxed), &format!("after step {number} of {seed}"));
            }
        }
    }
    check(&t, purged.load(Ordering::Relaxed), "in the end");
}

#[db_test(clock = "manual")]
async fn counts_are_right_when_all_of_it_happens_at_once(t: DbTest) {
    let jobs = prepare(&t).await;
    let purged = AtomicI64::new(0);
    let worker = Worker::new(|work, cx| match (work.name.len() + usize::from(cx.attempt())) % 5 {
        0 => Ok(Outcome::Snooze(Duration::from_secs(5))),
        1 => Err(JobError::Fatal("no".to_owned())),
        2 => Err(JobError::RetryAfter(Duration::from_secs(1), "not yet".to_owned())),
        _ => Ok(Outcome::Done),
    });
    let background = [Background::start(runtime(&t.db, &worker)), Background::start(runtime(&t.db, &worker))];
    let parts = (10..16).map(|seed| {
        let (t, jobs, purged) = (&t, &jobs, &purged);
        async move {
            let mut dice = Dice(seed);
            for _ in 0..120 {
                step(t, jobs, &mut dice, purged).await;
            }
        }
    });
    join_all(parts).await;
    for runtime in background {
        runtime.stop().await;
    }
    check(&t, purged.load(Ordering::Relaxed), "in the end");
}
