//! Jobs one by one.

use base64::Engine;
use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

use super::{JOBS, all, bury, field, program_job};
use crate::pull::{QUEUES, numbers, one, queue, robot, send};

#[db_test]
async fn jobs_are_listed_in_pages_and_shown_to_their_own_alone(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    let id = program_job(&app, "canary").await;
    queue(alice, "mail", json!({})).await;
    for number in 0..5 {
        send(alice, "mail", json!(number)).await;
    }
    let later = json!({ "body": 9, "delay_seconds": 900 });
    alice.post(&format!("{QUEUES}/mail/messages"), &later).await.expect(201);
    let waiting = all(alice, "/v1/jobs?state=waiting").await;
    assert_eq!(waiting.len(), 6);
    assert!(waiting.iter().all(|job| job.get("payload").is_none()), "{waiting:?}");
    assert_eq!(all(alice, "/v1/jobs?state=waiting&queue=pull:mail").await, waiting[1..]);
    assert_eq!(all(alice, "/v1/jobs?state=waiting&kind=jobs.event").await, waiting[..1]);
    assert_eq!(all(alice, "/v1/jobs?state=deferred").await[0]["queue"], "pull:mail");
    let job = alice.get(&format!("{JOBS}/{id}")).await.expect(200);
    assert_eq!((&job["state"], &job["queue"]), (&json!("waiting"), &json!("default")));
    assert_eq!(job["payload"]["body"], "canary");
    let counts = all(alice, "/v1/jobs/counts").await;
    assert_eq!((&counts[0]["queue"], &counts[0]["waiting"]), (&json!("default"), &json!(1)));
    assert_eq!((&counts[1]["queue"], &counts[1]["waiting"]), (&json!("pull:mail"), &json!(5)));
    assert_eq!((&counts[1]["deferred"], counts.len()), (&json!(1), 2));
    // Nothing of it is mallory's to see, whatever she sends.
    assert!(all(mallory, "/v1/jobs?state=waiting").await.is_empty());
    assert!(all(mallory, "/v1/jobs/counts").await.is_empty());
    for (method, what) in [("GET", ""), ("POST", "/retry"), ("POST", "/cancel")] {
        let tried = mallory.send(method, &format!("{JOBS}/{id}{what}"), None).await;
        tried.expect_problem(404, "jobs.not_found");
        assert!(!tried.text.contains("canary"));
    }
}

#[tenant_test]
async fn what_cannot_be_listed_is_named(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    for (query, wrong) in [("", "state"), ("?state=gone", "state"), ("?state=dead&who=me", "who")] {
        let refused = alice.get(&format!("{JOBS}{query}")).await.expect_problem(400, "web.query.invalid");
        assert_eq!(field(&refused), wrong, "{query}");
    }
    let refused = alice.get(&format!("{JOBS}?state=dead&queue=Mail")).await;
    assert_eq!(field(&refused.expect_problem(400, "jobs.invalid")), "queue");
    let refused = alice.get(&format!("{JOBS}?state=dead&kind=a%00")).await;
    refused.expect_problem(400, "core.text.invalid");
    // A position far outside of what PostgreSQL knows as a time.
    let position = json!(["", 0, i64::MIN, uuid::Uuid::nil()]).to_string();
    let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(position);
    let beyond = alice.get(&format!("{JOBS}?state=deferred&cursor={cursor}")).await;
    assert!(beyond.status < 500, "{}", beyond.text);
    alice.get(&format!("{JOBS}/nonsense")).await.expect_problem(404, "jobs.not_found");
}

#[tenant_test]
async fn a_job_is_cancelled_or_tried_again(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    bury(alice, 1).await;
    let reader = robot(&app, &["jobs.jobs.read"]).await;
    let dead = all(&reader, "/v1/jobs?state=dead").await;
    assert_eq!((&dead[0]["reason"], dead.len()), (&json!("rejected"), 1));
    let path = format!("{JOBS}/{}", dead[0]["id"].as_str().unwrap());
    for what in ["retry", "cancel"] {
        let forbidden = reader.send("POST", &format!("{path}/{what}"), None).await;
        assert_eq!(forbidden.status, 403, "{}", forbidden.text);
    }
    let other = robot(&app, &["jobs.messages.send"]).await;
    assert_eq!(other.get(&path).await.status, 403);
    assert_eq!(other.get(&format!("{JOBS}?state=dead")).await.status, 403);
    alice.send("POST", &format!("{path}/cancel"), None).await.expect_problem(404, "jobs.not_found");
    assert_eq!(alice.send("POST", &format!("{path}/retry"), None).await.status, 204);
    assert_eq!(one(alice, "mail").await["receive_count"], 1, "it begins anew");
    alice.send("POST", &format!("{path}/retry"), None).await.expect_problem(409, "jobs.job.running");
    let told = alice.send("POST", &format!("{path}/cancel"), None).await.expect(200);
    assert_eq!(told["outcome"], "requested");
    send(alice, "mail", json!(2)).await;
    let waiting = all(alice, "/v1/jobs?state=waiting").await;
    let path = format!("{JOBS}/{}", waiting[0]["id"].as_str().unwrap());
    let told = alice.send("POST", &format!("{path}/cancel"), None).await.expect(200);
    assert_eq!(told["outcome"], "ended");
    alice.get(&path).await.expect_problem(404, "jobs.not_found");
    assert_eq!(numbers(alice, "mail").await[0], 0);
}
