//! Schedules over HTTP.

use serde_json::{Value, json};
use veza::core::{Caller, Principal, Scopes, TenantTx};
use veza::jobs::schedule::{NewSchedule, ScheduledJob, Timing, create_schedule};
use veza::jobs::topic::Event;
use veza_testing::{App, AppBuilder, TenantTest, tenant_test};

use super::{all, field};
use crate::pull::{QUEUES, one, queue, receive, robot};

const SCHEDULES: &str = "/v1/jobs/schedules";

fn daily(name: &str) -> Value {
    json!({ "name": name, "cron": "@daily", "zone": "Europe/Vienna", "queue": "pull:inbox", "payload": { "n": 1 } })
}

#[tenant_test]
async fn a_schedule_is_made_once_changed_by_version_run_and_removed(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let missing = alice.post(SCHEDULES, &daily("report")).await.expect_problem(400, "jobs.invalid");
    assert_eq!(field(&missing), "/queue");
    queue(alice, "inbox", json!({})).await;
    let once = alice.with("idempotency-key", "schedule-1");
    let made = once.post(SCHEDULES, &daily("report")).await;
    let schedule = made.expect(201);
    assert_eq!((&schedule["queue"], &schedule["payload"]), (&json!("pull:inbox"), &json!({ "n": 1 })));
    assert_eq!((&schedule["zone"], &schedule["missed"]), (&json!("Europe/Vienna"), &json!("one")));
    let again = once.post(SCHEDULES, &daily("report")).await;
    assert_eq!((again.expect(201), again.header("idempotency-replayed")), (schedule, Some("true")));
    alice.post(SCHEDULES, &daily("report")).await.expect_problem(409, "jobs.name_taken");
    let path = made.header("location").unwrap().to_owned();
    assert_eq!(alice.get(&path).await.header("etag"), Some("\"v1\""));
    let change = json!({ "every_seconds": 3_600, "missed": { "all": 3 }, "payload": null, "paused": true });
    alice.with("if-match", "\"v7\"").patch(&path, &change).await.expect_problem(412, "jobs.version_mismatch");
    let changed = alice.with("if-match", "\"v1\"").patch(&path, &change).await;
    let body = changed.expect(200);
    assert_eq!(
        (&body["every_seconds"], body.get("cron"), &body["payload"]),
        (&json!(3_600), None, &Value::Null)
    );
    assert_eq!(
        (&body["missed"], &body["paused"], &body["name"]),
        (&json!({ "all": 3 }), &json!(true), &json!("report"))
    );
    assert_eq!((changed.header("etag"), body.get("next_at")), (Some("\"v2\""), None));
    let key = alice.with("idempotency-key", "run-1");
    let run = key.send("POST", &format!("{path}/run"), None).await;
    let again = key.send("POST", &format!("{path}/run"), None).await;
    assert_eq!((run.expect(201), again.header("idempotency-replayed")), (again.expect(201), Some("true")));
    let job = alice.get(run.header("location").unwrap()).await.expect(200);
    assert_eq!((&job["queue"], &job["kind"]), (&json!("pull:inbox"), &json!("message")));
    assert_eq!(one(alice, "inbox").await["body"], Value::Null);
    assert!(receive(alice, "inbox", json!({})).await.is_empty(), "it ran once");
    alice.delete(&format!("{QUEUES}/inbox?force=true")).await.expect_problem(409, "jobs.queue.in_use");
    alice.with("if-match", "\"v1\"").delete(&path).await.expect_problem(412, "jobs.version_mismatch");
    assert_eq!(alice.delete(&path).await.status, 204);
    alice.get(&path).await.expect_problem(404, "jobs.not_found");
    assert_eq!(alice.delete(&format!("{QUEUES}/inbox?force=true")).await.status, 204);
}

#[tenant_test]
async fn bad_schedules_name_what_is_wrong(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "inbox", json!({})).await;
    for (change, wrong) in [
        (json!({ "queue": "inbox" }), "/queue"),
        (json!({ "queue": "default" }), "/queue"),
        (json!({ "cron": null }), "/cron"),
        (json!({ "cron": "often" }), "/cron"),
        (json!({ "zone": "Mars" }), "/zone"),
        (json!({ "every_seconds": 60 }), "/every_seconds"),
        (json!({ "cron": null, "zone": null, "every_seconds": 0 }), "/every_seconds"),
        (json!({ "cron": null, "every_seconds": 60 }), "/zone"),
        (json!({ "name": "" }), "/name"),
        (json!({ "missed": { "all": 0 } }), "/missed/all"),
        (json!({ "payload": "a\u{0}" }), "/payload"),
    ] {
        let mut body = daily("report");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = alice.post(SCHEDULES, &body).await.expect_problem(400, "jobs.invalid");
        assert_eq!(field(&refused), wrong, "{body}");
    }
    let mut body = daily("report");
    body["kind"] = json!("jobs.event");
    assert_eq!(field(&alice.post(SCHEDULES, &body).await.expect_problem(400, "web.json.invalid")), "/kind");
    let reader = robot(&app, &["jobs.jobs.read"]).await;
    assert_eq!(reader.post(SCHEDULES, &daily("report")).await.status, 403);
    for n in 0..3 {
        alice.post(SCHEDULES, &daily(&n.to_string())).await.expect(201);
    }
    let names: Vec<_> = all(&reader, SCHEDULES).await.iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["0", "1", "2"]);
    assert!(all(&app.mallory.client, SCHEDULES).await.is_empty());
    let preview = json!({ "cron": "0 0 29 2 *", "count": 3 });
    let times = reader.post(&format!("{SCHEDULES}/preview"), &preview).await.expect(200);
    assert_eq!(times["times"].as_array().unwrap().len(), 3, "{times}");
    let many = json!({ "every_seconds": 1, "count": 101 });
    let refused = reader.post(&format!("{SCHEDULES}/preview"), &many).await;
    assert_eq!(field(&refused.expect_problem(400, "jobs.invalid")), "/count");
}

async fn of_program(app: &App) -> String {
    let caller = Caller::verified(app.alice.tenant, Principal::System, Scopes::new(["*"]));
    let event = json!({ "event_id": uuid::Uuid::nil(), "exchange": "e", "routing_key": "k", "hops": 0,
        "published_at": "2026-01-01T00:00:00Z", "body": "the program's" });
    let event: Event = serde_json::from_value(event).unwrap();
    let new = NewSchedule::new(
        "program",
        Timing::cron("@daily", "UTC").unwrap(),
        ScheduledJob::new(&event).unwrap(),
    );
    let permit = caller.permit().unwrap();
    let make = move |tx: &mut TenantTx<'_>| create_schedule(tx, &permit, &new);
    app.platform.jobs.db().tenant(&caller, make).await.unwrap().id.to_string()
}

#[tenant_test]
async fn a_programs_schedule_keeps_its_job(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "inbox", json!({})).await;
    let path = format!("{SCHEDULES}/{}", of_program(&app).await);
    for (change, wrong) in [
        (json!({ "payload": { "forged": true } }), "/payload"),
        (json!({ "queue": "pull:inbox" }), "/queue"),
        (json!({ "queue": "other" }), "/queue"),
    ] {
        let refused = alice.patch(&path, &change).await.expect_problem(400, "jobs.invalid");
        assert_eq!(field(&refused), wrong, "{change}");
    }
    let changed = alice.patch(&path, &json!({ "cron": "@hourly", "paused": true })).await.expect(200);
    assert_eq!((&changed["cron"], &changed["kind"]), (&json!("@hourly"), &json!("jobs.event")));
    assert_eq!(changed["payload"]["body"], "the program's");
}
