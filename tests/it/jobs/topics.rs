//! Exchanges, bindings and events over HTTP.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use veza::core::{Caller, Principal, Scopes, TenantTx};
use veza::jobs::topic::{self, Event, NewBinding, PublishOptions, Subscription};
use veza::jobs::{Context, JobError, Runtime};
use veza_testing::{AppBuilder, Client, DbTest, TenantTest, db_test, tenant_test};

use super::{all, field};
use crate::pull::{QUEUES, numbers, one, queue, receive, robot};

const EXCHANGES: &str = "/v1/jobs/exchanges";

async fn exchange(client: &Client, body: &Value) {
    client.post(EXCHANGES, body).await.expect(201);
}

async fn bind(client: &Client, body: &Value) -> String {
    let bound = client.post(&format!("{EXCHANGES}/events/bindings"), body).await;
    bound.expect(201);
    bound.header("location").unwrap().to_owned()
}

async fn publish(client: &Client, key: &str, body: Value) -> Value {
    let event = json!({ "routing_key": key, "body": body, "attributes": { "country": "AT" } });
    client.post(&format!("{EXCHANGES}/events/events"), &event).await.expect(201)
}

#[tenant_test]
async fn an_exchange_is_made_once_changed_by_version_and_removed(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let once = alice.with("idempotency-key", "exchange-1");
    let body = json!({ "name": "events", "type": "topic", "keep_days": 7 });
    let made = once.post(EXCHANGES, &body).await;
    let path = made.header("location").unwrap().to_owned();
    assert_eq!((path.as_str(), made.header("etag")), ("/v1/jobs/exchanges/events", Some("\"v1\"")));
    let again = once.post(EXCHANGES, &body).await;
    assert_eq!((again.expect(201), again.header("idempotency-replayed")), (made.expect(201), Some("true")));
    alice.post(EXCHANGES, &body).await.expect_problem(409, "jobs.name_taken");
    for (wrong, name) in
        [(json!({ "name": "A" }), "/name"), (json!({ "name": "a", "keep_days": 91 }), "/keep_days")]
    {
        assert_eq!(field(&alice.post(EXCHANGES, &wrong).await.expect_problem(400, "jobs.invalid")), name);
    }
    for name in ["c", "a", "b"] {
        exchange(alice, &json!({ "name": name })).await;
    }
    let names: Vec<_> = all(alice, EXCHANGES).await.iter().map(|e| e["name"].clone()).collect();
    assert_eq!(names, ["a", "b", "c", "events"]);
    let stale = alice.with("if-match", "\"v2\"");
    stale.patch(&path, &json!({ "keep_days": 9 })).await.expect_problem(412, "jobs.version_mismatch");
    stale.delete(&path).await.expect_problem(412, "jobs.version_mismatch");
    let fresh = alice.with("if-match", "\"v1\"");
    let changed = fresh.patch(&path, &json!({ "keep_days": 9 })).await;
    assert_eq!((&changed.expect(200)["keep_days"], changed.header("etag")), (&json!(9), Some("\"v2\"")));
    let reader = robot(&app, &["jobs.jobs.read"]).await;
    assert_eq!(reader.get(&path).await.header("etag"), Some("\"v2\""));
    assert_eq!(reader.post(EXCHANGES, &json!({ "name": "x" })).await.status, 403);
    assert_eq!(reader.delete(&path).await.status, 403);
    assert_eq!(alice.delete(&path).await.status, 204);
    alice.get(&path).await.expect_problem(404, "jobs.not_found");
}

#[tenant_test]
async fn a_bound_queue_gets_the_events_that_it_wants(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    exchange(alice, &json!({ "name": "events" })).await;
    exchange(&app.mallory.client, &json!({ "name": "events" })).await;
    queue(alice, "inbox", json!({ "max_receives": 1, "visibility_timeout_seconds": 0 })).await;
    for (body, wrong) in [
        (json!({ "queue": "inbox" }), "/queue"),
        (json!({ "queue": "default" }), "/queue"),
        (json!({ "queue": "pull:nowhere" }), "/queue"),
        (json!({ "queue": "pull:inbox", "pattern": "a..b" }), "/pattern"),
        (json!({ "queue": "pull:inbox", "filter": {} }), "/filter"),
        (json!({ "queue": "pull:inbox", "from": "2026-01-01T00:00:00Z" }), "/from"),
    ] {
        let refused = alice.post(&format!("{EXCHANGES}/events/bindings"), &body).await;
        assert_eq!(field(&refused.expect_problem(400, "jobs.invalid")), wrong, "{body}");
    }
    let filter = json!({ "country": ["AT"] });
    let path = bind(alice, &json!({ "queue": "pull:inbox", "pattern": "a.*", "filter": filter })).await;
    let bindings = all(alice, &format!("{EXCHANGES}/events/bindings")).await;
    assert_eq!(bindings, [alice.get(&path).await.expect(200)]);
    assert_eq!(publish(&app.mallory.client, "a.b", json!("hers")).await["deliveries"], 0);
    assert_eq!(publish(alice, "b.b", json!(0)).await["deliveries"], 0);
    let event = json!({ "routing_key": "a.b", "body": "canary", "attributes": { "country": "AT" } });
    let sender = robot(&app, &["jobs.messages.send"]).await.with("idempotency-key", "event-1");
    let events = format!("{EXCHANGES}/events/events");
    let published = sender.post(&events, &event).await.expect(201);
    assert_eq!(sender.post(&events, &event).await.expect(201), published, "published once");
    let received = one(alice, "inbox").await;
    assert_eq!(
        (&received["body"]["body"], &received["body"]["event_id"]),
        (&json!("canary"), &published["event_id"])
    );
    assert!(receive(alice, "inbox", json!({})).await.is_empty());
    assert_eq!(numbers(alice, "inbox").await, [0, 0, 0, 1], "received as often as the queue says");
    let reader = robot(&app, &["jobs.jobs.read"]).await;
    assert_eq!(reader.post(&events, &event).await.status, 403);
    let circle = json!({ "routing_key": "a", "body": 1, "hops": 17 });
    alice.post(&events, &circle).await.expect_problem(409, "jobs.event.too_many_hops");
    assert_eq!(alice.patch(&path, &json!({ "paused": true })).await.expect(200)["paused"], true);
    assert_eq!(publish(alice, "a.b", json!(1)).await["deliveries"], 0);
    for queue in ["inbox", "inbox?force=true"] {
        alice.delete(&format!("{QUEUES}/{queue}")).await.expect_problem(409, "jobs.queue.in_use");
    }
    assert_eq!(alice.delete(&path).await.status, 204);
    assert_eq!(alice.delete(&format!("{QUEUES}/inbox?force=true")).await.status, 204);
}

/// How many jobs a program has waiting.
fn of_programs(t: &DbTest) -> i64 {
    t.database.superuser().count("SELECT count(*) FROM jobs.ready WHERE queue NOT LIKE 'pull:%'")
}

#[db_test]
async fn nobody_outside_makes_jobs_of_a_program(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    exchange(alice, &json!({ "name": "events", "keep_days": 7 })).await;
    let handler = async |_: Event, _: Context| Ok::<_, JobError>(());
    let subscription = Subscription::new("index", "events", "#");
    Runtime::builder(&app.platform.jobs)
        .subscribe(subscription, handler)
        .build()
        .unwrap()
        .declare()
        .await
        .unwrap();
    let caller = Caller::verified(app.alice.tenant, Principal::System, Scopes::new(["*"]));
    let permit = caller.permit().unwrap();
    let bind = move |tx: &mut TenantTx<'_>| topic::bind(tx, &permit, "events", &NewBinding::new("program"));
    let binding = app.platform.jobs.db().tenant(&caller, bind).await.unwrap();
    assert_eq!(publish(alice, "a", json!("forged")).await["deliveries"], 0);
    assert_eq!(of_programs(&t), 0);
    let publish_own =
        |tx: &mut TenantTx<'_>| topic::publish(tx, "events", "a", &1, PublishOptions::default());
    let own = app.platform.jobs.db().tenant(&caller, publish_own).await.unwrap();
    assert_eq!((own.deliveries, of_programs(&t)), (2, 2));
    // A replay brings the program's own event to its binding, and not the other one.
    let (from, to) = (Utc::now() - TimeDelta::minutes(5), Utc::now());
    let replay = json!({ "from": from, "to": to });
    let path = format!("/v1/jobs/bindings/{}/replays", binding.id);
    alice.post(&path, &replay).await.expect(201);
    // It stays a minute behind, so the clock of what was published is moved.
    t.database
        .superuser()
        .execute("UPDATE jobs.events SET published_at = published_at - interval '2 minutes'");
    t.database.superuser().execute(
        "UPDATE jobs.replays SET from_at = from_at - interval '5 minutes', position_at = from_at - interval '5 minutes', \
         to_at = to_at - interval '1 minute'",
    );
    crate::pull::work(&app);
    let through = async || all(alice, &path).await[0]["finished_at"].is_string();
    crate::pull::eventually("it is through", through).await;
    assert_eq!(all(alice, &path).await[0]["replayed"], 1);
    let forged = "SELECT count(*) FROM jobs.ready WHERE payload ->> 'body' = 'forged'";
    assert_eq!(t.database.superuser().count(forged), 0);
}
