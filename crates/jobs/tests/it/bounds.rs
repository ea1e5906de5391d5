//! How large and how many: the rules hold whichever way something comes, and for two at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};
use veza_core::{Caller, Db, Fault, Query, TenantScope, TenantTx};
use veza_jobs::permission::{ManageJobs, SendMessages};
use veza_jobs::schedule::{NewSchedule, ScheduledJob, Timing, create_schedule};
use veza_jobs::topic::{self, ExchangeKind, NewBinding, NewEvent, NewExchange, PublishOptions};
use veza_jobs::{Error, pull};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::topics::{bind, create, publish, waiting};
use crate::work::states;

fn too_large<T: std::fmt::Debug>(outcome: Result<T, Error>, named: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(&error, Error::TooLarge { max: 200, .. }), "{error:?}");
    assert_eq!((error.code(), &*error.fields()[0].field), ("jobs.payload.too_large", named));
    assert!(error.fields()[0].rule.contains("the queue small takes"), "{error:?}");
}

async fn small(db: &Db, caller: &Caller, bytes: i32) {
    let permit = caller.permit::<ManageJobs>().unwrap();
    let change = serde_json::from_value(json!({ "max_message_bytes": bytes })).unwrap();
    db.tenant(caller, move |tx| pull::update(tx, &permit, "small", &change, None)).await.unwrap();
}

fn system(tx: &TenantTx<'_>) -> Caller {
    Caller::system(tx.tenant())
}

fn schedule(tx: &mut TenantTx<'_>, payload: Value) -> Result<(), Error> {
    let job = ScheduledJob::message("small", payload)?;
    let new = NewSchedule::new("each day", Timing::cron("@daily", "UTC")?, job);
    create_schedule(tx, &system(tx).permit()?, &new).map(drop)
}

#[tenant_test]
async fn what_a_queue_takes_holds_for_messages_events_and_schedules(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Topic, 0).await;
    bind(db, alice, "events", NewBinding::new("pull:small")).await;
    small(db, alice, 200).await;
    let send = alice.permit::<SendMessages>().unwrap();
    let tried = db.tenant(alice, move |tx| {
        let long = "x".repeat(300);
        let message = serde_json::from_value(json!({ "body": long })).unwrap();
        too_large(pull::send(tx, &send, "small", &message), "/body");
        let entry = json!({ "entries": [{ "id": "a", "body": long }, { "id": "b", "body": 1 }] });
        let batch = pull::send_batch(tx, &send, "small", &serde_json::from_value(entry).unwrap())?;
        assert_eq!((batch.successful.len(), &*batch.failed[0].code), (1, "jobs.payload.too_large"));
        assert!(batch.failed[0].message.starts_with("/body: "), "{}", batch.failed[0].message);
        too_large(topic::publish(tx, "events", "a", &long, PublishOptions::default()), "/body");
        let event: NewEvent = serde_json::from_value(json!({ "routing_key": "a", "body": long })).unwrap();
        too_large(topic::post(tx, &send, "events", &event), "/body");
        too_large(schedule(tx, json!(long)), "/payload");
        schedule(tx, json!("short"))
    });
    tried.await.unwrap();
    assert_eq!(states(db, alice).await, (1, 0, 0, 0, 0), "but for one entry of the batch");
}

#[db_test(clock = "manual")]
async fn a_replay_leaves_out_what_its_queue_takes_no_more(t: DbTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Topic, 7).await;
    for body in ["short", &"x".repeat(300), "brief"] {
        publish(db, alice, "events", "a", json!(body)).await;
        t.clock.advance(TimeDelta::milliseconds(1));
    }
    let from = t.clock.now() - TimeDelta::hours(1);
    let binding = bind(db, alice, "events", NewBinding::new("pull:small").from(from)).await;
    small(db, alice, 300).await;
    t.clock.advance(TimeDelta::minutes(3));
    assert_eq!(crate::replays::replayed(&t, &binding).await, [2]);
}

#[tenant_test]
async fn one_event_does_not_fill_the_database_through_many_bindings(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Fanout, 0).await;
    let permit = alice.permit::<ManageJobs>().unwrap();
    let tried = db.tenant(alice, move |tx| {
        for number in 0..65 {
            topic::bind(tx, &permit, "events", &NewBinding::new(format!("program-{number}")))?;
        }
        let large = "x".repeat(1_040_000);
        let refused = topic::publish(tx, "events", "a", &large, PublishOptions::default()).unwrap_err();
        assert!(matches!(&refused, Error::TooLarge { max: 1_032_444, .. }), "{refused:?}");
        assert_eq!(refused.fields()[0].field, "/body");
        let some = topic::publish(tx, "events", "a", &large, PublishOptions::default().regardless())?;
        assert_eq!(some.deliveries, 64, "as many as there is room for");
        topic::publish(tx, "events", "a", &"x".repeat(1_000), PublishOptions::default())
    });
    assert_eq!(tried.await.unwrap().deliveries, 65);
}

/// What a program has to say reaches everybody but the queue that does not take it.
#[tenant_test]
async fn no_queue_is_in_the_way_of_what_is_published_regardless(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Topic, 1).await;
    for queue in ["pull:small", "pull:large", "program"] {
        bind(db, alice, "events", NewBinding::new(queue)).await;
    }
    small(db, alice, 200).await;
    let said = db.tenant(alice, move |tx| {
        let (long, options) = ("x".repeat(300), PublishOptions::default().regardless());
        too_large(topic::publish(tx, "events", "a", &long, PublishOptions::default()), "/body");
        let one = topic::publish(tx, "events", "a", &long, options.clone())?.deliveries;
        let all = [(long.as_str(), options.clone()), ("short", options)];
        Ok::<_, Error>((one, topic::publish_all(tx, "events", "a", all)?))
    });
    assert_eq!(said.await.unwrap(), (2, 5));
    assert_eq!(waiting(db, alice, "pull:small").await.len(), 1);
    assert_eq!(waiting(db, alice, "program").await.len(), 3);
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    locks: i64,
}

/// Whether another transaction of this database waits for a lock of the program's own.
fn somebody_waits(tx: &mut TenantTx<'_>) -> bool {
    let locks = "SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    tx.get_result::<Waiting, _>(diesel::sql_query(locks)).unwrap().locks > 0
}

type Make = fn(&mut TenantTx<'_>, &str) -> Result<(), Error>;

/// Two make something at once: the first ends only when the second waits for it, or is through.
async fn both(t: &DbTest, make: Make) -> (Result<(), Error>, Result<(), Error>) {
    let (made, through) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (making, ended) = (Arc::clone(&made), Arc::clone(&through));
    let first = t.db.tenant(&t.alice.caller, move |tx| {
        let outcome = make(tx, "first");
        making.store(true, Ordering::SeqCst);
        while !ended.load(Ordering::SeqCst) && !somebody_waits(tx) {
            std::thread::yield_now();
        }
        outcome
    });
    let second = async {
        crate::work::eventually("the first is there", async || made.load(Ordering::SeqCst)).await;
        let outcome = t.db.tenant(&t.alice.caller, move |tx| make(tx, "second")).await;
        through.store(true, Ordering::SeqCst);
        outcome
    };
    tokio::join!(first, second)
}

#[db_test]
async fn two_at_once_do_not_get_past_a_limit(t: DbTest) {
    let tenant = t.alice.tenant;
    t.database.superuser().execute(&format!(
        "INSERT INTO jobs.exchanges (tenant_id, name, kind, keep_days, version, created_at) \
         SELECT '{tenant}', 'e' || n, 'topic', 0, 1, now() FROM generate_series(1, 999) AS n; \
         INSERT INTO jobs.schedules (tenant_id, schedule_id, name, every_s, zone, missed, missed_max, queue, kind, payload, \
         priority, max_attempts, timeout_ms, keep, paused, anchor_at, version, created_at) \
         SELECT '{tenant}', gen_random_uuid(), 's' || n, 60, 'UTC', 'skip', 1, 'q', 'k', '1', 0, 1, 1000, false, true, now(), 1, \
         now() FROM generate_series(1, 999) AS n"
    ));
    let exchange: Make = |tx, name| {
        let new = NewExchange { name: name.to_owned(), kind: ExchangeKind::Topic, keep_days: 0 };
        topic::create_exchange(tx, &system(tx).permit()?, &new).map(drop)
    };
    let schedule: Make = |tx, name| {
        let new = NewSchedule::new(
            name,
            Timing::cron("@daily", "UTC")?,
            ScheduledJob::new(&crate::work::work(name))?,
        );
        create_schedule(tx, &system(tx).permit()?, &new).map(drop)
    };
    for (noun, make) in [("exchange", exchange), ("schedule", schedule)] {
        let (first, second) = both(&t, make).await;
        first.unwrap();
        let refused = second.unwrap_err();
        assert!(
            matches!(&refused, Error::LimitReached { noun: of, max: 1_000 } if *of == noun),
            "{refused:?}"
        );
    }
}
