//! What is too long, too late or too much is refused or cut, and breaks nothing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use veza_core::config::Period;
use veza_core::page::PageRequest;
use veza_core::{Reason, Write};
use veza_jobs::pull;
use veza_jobs::topic::{self, ExchangeKind, Filter, NewBinding, PublishOptions};
use veza_jobs::{
    Cancelled, Error, JobError, JobFilter, JobId, JobState, Jobs, JobsConfig, Options, Outcome, Runtime,
    cancel, enqueue_with, list,
};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::topics::{bind, create};
use crate::work::{Background, Work, Worker, config, enqueue, eventually, look, runtime, states, work};

#[tenant_test]
async fn a_cursor_that_somebody_made_up_is_no_failure_of_ours(t: TenantTest) {
    let moments = [i64::MIN, -8_000_000_000_000_000_000, 8_000_000_000_000_000_000, i64::MAX];
    for (moment, state) in moments.into_iter().flat_map(|at| JobState::ALL.map(|state| (at, state))) {
        let cursor = json!(["", i64::MIN, moment, "00000000-0000-0000-0000-000000000000"]).to_string();
        let page = PageRequest::new(None, Some(&URL_SAFE_NO_PAD.encode(cursor))).unwrap();
        for queue in [None, Some(veza_jobs::QueueName::new("work").unwrap())] {
            let (permit, page) = (t.alice.caller.permit().unwrap(), page.clone());
            let filter = JobFilter { state, queue, kind: None };
            let listed = t.db.tenant(&t.alice.caller, move |tx| list(tx, &permit, &filter, &page)).await;
            assert!(listed.unwrap().items.is_empty());
        }
    }
}

#[tenant_test]
async fn a_period_beyond_the_calendar_is_refused(t: TenantTest) {
    for period in [Duration::MAX, Duration::from_millis(u64::MAX / 2)] {
        let options = Options::default().unique_for("1", period);
        let enqueued =
            t.db.tenant(&t.alice.caller, move |tx| enqueue_with(tx, &work("a"), options.clone())).await;
        let refused = enqueued.unwrap_err();
        assert!(
            matches!(&refused, Error::Invalid(fields) if fields[0].field == "/unique"),
            "{period:?}: {refused:?}"
        );
    }
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0));
}

#[tenant_test(clock = "manual")]
async fn who_wants_to_wait_for_ever_does_not_come_at_once(t: TenantTest) {
    let pauses = [Duration::MAX, Duration::from_millis(u64::MAX / 2), Duration::from_hours(1 << 40)];
    for (place, pause) in (1..).zip(pauses) {
        let runs = AtomicU32::new(0);
        let worker = Worker::new(move |work, _| match work.name.as_str() {
            // Otherwise the test would go on for ever as well.
            _ if runs.fetch_add(1, Ordering::SeqCst) > 9 => Ok(Outcome::Done),
            "snooze" => Ok(Outcome::Snooze(pause)),
            _ => Err(JobError::RetryAfter(pause, "later".to_owned())),
        });
        for name in ["snooze", "retry"] {
            enqueue(&t.db, &t.alice.caller, name, Options::default()).await;
        }
        runtime(&t.db, &worker).drain(&t.alice.caller).await.unwrap();
        assert_eq!(states(&t.db, &t.alice.caller).await, (0, 2 * place, 0, 0, 0), "{pause:?}");
    }
}

#[tenant_test]
async fn a_filter_costs_little_whatever_it_and_the_event_hold(t: TenantTest) {
    drop(t);
    let long = Filter::parse(&json!({ "a": ["x".repeat(20_000)] })).unwrap_err();
    assert!(matches!(&long, Error::Invalid(fields) if fields[0].field == "/filter"), "{long:?}");
    let filter =
        Filter::parse(&json!({ "a": [{ "equals-ignore-case": "X" }, { "anything-but": "y" }] })).unwrap();
    let event = |elements: usize| json!({ "a": vec!["x"; elements] });
    assert!(filter.matches(event(256).as_object()));
    assert!(!filter.matches(event(257).as_object()), "nobody looks through a million elements");
    let there = Filter::parse(&json!({ "a": [{ "exists": true }] })).unwrap();
    assert!(there.matches(event(257).as_object()));
}

async fn queue(t: &DbTest) -> Jobs {
    let permit = t.alice.caller.permit().unwrap();
    let new = serde_json::from_value(json!({ "name": "mail", "max_receives": 1000 })).unwrap();
    t.db.tenant(&t.alice.caller, move |tx| pull::create(tx, &permit, &new)).await.unwrap();
    let permit = t.alice.caller.permit().unwrap();
    let message = serde_json::from_value(json!({ "body": 1, "attributes": { "a": "b" } })).unwrap();
    t.db.tenant(&t.alice.caller, move |tx| pull::send(tx, &permit, "mail", &message)).await.unwrap();
    Jobs::new(t.db.clone(), config()).unwrap()
}

async fn receive(t: &DbTest, jobs: &Jobs) -> Vec<pull::ReceivedMessage> {
    let permit = t.alice.caller.permit().unwrap();
    let ask = pull::Receive::default();
    jobs.receive(&t.alice.caller, &permit, "mail", ask, std::future::ready(())).await.unwrap().messages
}

#[db_test]
async fn a_job_remembers_its_last_losses_and_not_all(t: DbTest) {
    let jobs = queue(&t).await;
    let mut id = None;
    for _ in 0..15 {
        id = receive(&t, &jobs).await.pop().map(|message| message.message_id);
        let lost = "SELECT * FROM jobs.rescue(now() + interval '1 day', '1 hour', 10)";
        t.db.dispatch(Reason("test"), move |tx| tx.execute(diesel::sql_query(lost)).map(drop)).await.unwrap();
    }
    let seen = look(&t.db, &t.alice.caller, id.unwrap()).await;
    let attempts: Vec<i16> = seen.errors.iter().map(|failure| failure.attempt).collect();
    assert_eq!(attempts, (6..=15).collect::<Vec<_>>(), "the last ten");
    assert_eq!(receive(&t, &jobs).await[0].attributes["a"], "b");
}

async fn stop(t: &DbTest, id: JobId) -> Cancelled {
    let permit = t.alice.caller.permit().unwrap();
    t.db.tenant(&t.alice.caller, move |tx| cancel(tx, &permit, id)).await.unwrap()
}

#[db_test]
async fn a_cancelled_message_that_is_given_back_does_not_come_again(t: DbTest) {
    for way in ["reject", "extend"] {
        let permit = t.alice.caller.permit().unwrap();
        let jobs = queue(&t).await;
        let message = receive(&t, &jobs).await.pop().unwrap();
        assert_eq!(stop(&t, message.message_id).await, Cancelled::Requested);
        t.db.tenant(&t.alice.caller, move |tx| {
            let receipt = &message.receipt;
            if way == "reject" {
                let back = serde_json::from_value(json!({ "receipt": receipt })).unwrap();
                return pull::reject(tx, &permit, "mail", &back).map(drop);
            }
            let back = json!({ "receipt": receipt, "visibility_timeout_seconds": 0 });
            pull::extend(tx, &permit, "mail", &serde_json::from_value(back).unwrap()).map(drop)
        })
        .await
        .unwrap();
        assert!(receive(&t, &jobs).await.is_empty(), "{way}");
        assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0), "{way}");
    }
}

#[db_test]
async fn cancellations_do_not_pile_up(t: DbTest) {
    let jobs = queue(&t).await;
    let message = receive(&t, &jobs).await.pop().unwrap();
    assert_eq!(stop(&t, message.message_id).await, Cancelled::Requested);
    let permit = t.alice.caller.permit().unwrap();
    let ended = serde_json::from_value(json!({ "receipt": message.receipt })).unwrap();
    t.db.tenant(&t.alice.caller, move |tx| pull::acknowledge(tx, &permit, "mail", &ended)).await.unwrap();
    let requests = async || t.database.superuser().count("SELECT count(*) FROM jobs.cancellations");
    assert_eq!(requests().await, 1);
    let background = Background::start(runtime(&t.db, &Worker::content()));
    eventually("nobody asks any more", async || requests().await == 0).await;
    background.stop().await;
}

#[db_test]
async fn a_visibility_timeout_waits_for_no_silence(t: DbTest) {
    let jobs = queue(&t).await;
    let message = receive(&t, &jobs).await.pop().unwrap();
    let permit = t.alice.caller.permit().unwrap();
    let soon = json!({ "receipt": message.receipt, "visibility_timeout_seconds": 1 });
    let soon = serde_json::from_value(soon).unwrap();
    t.db.tenant(&t.alice.caller, move |tx| pull::extend(tx, &permit, "mail", &soon)).await.unwrap();
    // A process may be silent for an hour; receivers were told a second.
    let config = JobsConfig { silence: Period::from_secs(3_600), ..config() };
    let patient = Jobs::new(t.db.clone(), config).unwrap();
    let runtime = Runtime::builder(&patient).handler::<Work, _>(Worker::content()).build().unwrap();
    let background = Background::start(runtime);
    eventually("it is visible again", async || !receive(&t, &jobs).await.is_empty()).await;
    background.stop().await;
}

#[db_test]
async fn an_event_that_nobody_can_read_again_is_refused(t: DbTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    create(db, alice, "events", ExchangeKind::Topic, 7).await;
    bind(db, alice, "events", NewBinding::new("pull:all")).await;
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    for (levels, accepted) in [(100, true), (130, false), (200, false)] {
        let body = nested(levels);
        let published =
            db.tenant(alice, move |tx| topic::publish(tx, "events", "a", &body, PublishOptions::default()));
        let published = published.await;
        match published {
            Ok(_) => assert!(accepted, "{levels}"),
            Err(error) => assert!(!accepted && matches!(error, Error::Unserializable { .. }), "{error:?}"),
        }
    }
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let permit = alice.permit().unwrap();
    let ask = pull::Receive::default();
    let received = jobs.receive(alice, &permit, "all", ask, std::future::ready(())).await.unwrap();
    assert_eq!(received.messages.len(), 1);
}
