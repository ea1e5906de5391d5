//! Dead letters: back in numbers, or gone.

use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

use super::{all, bury, field};
use crate::pull::{eventually, numbers, queue, robot, work};

const REDRIVES: &str = "/v1/jobs/redrives";

#[tenant_test]
async fn a_purge_takes_what_its_filter_names(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    bury(alice, 3).await;
    bury(&app.mallory.client, 1).await;
    let purge = async |body| alice.post("/v1/jobs/dead-letters/purge", &body).await;
    for (filter, wrong) in [
        (json!({ "queue": "mail" }), "/queue"),
        (json!({ "queue": "Mail" }), "/queue"),
        (json!({ "queue": "pull:mail", "reason": "bored" }), "/reason"),
        (
            json!({ "queue": "pull:mail", "died_from": "2026-01-02T00:00:00Z", "died_until": "2026-01-01T00:00:00Z" }),
            "/died_until",
        ),
    ] {
        assert_eq!(field(&purge(filter).await.expect_problem(400, "jobs.invalid")), wrong);
    }
    let unknown = purge(json!({ "queue": "pull:mail", "reasons": "lost" })).await;
    assert_eq!(field(&unknown.expect_problem(400, "web.json.invalid")), "/reasons");
    let none = json!({ "queue": "pull:mail", "reason": "lost" });
    assert_eq!(purge(none).await.expect(200)["removed"], 0);
    // Years that PostgreSQL does not have are no reason to fail.
    let early = json!({ "queue": "pull:mail", "died_until": "-250000-01-01T00:00:00Z" });
    assert_eq!(purge(early).await.expect(200)["removed"], 0);
    let wide = json!({ "queue": "pull:mail", "died_from": "-250000-01-01T00:00:00Z",
        "died_until": "+250000-01-01T00:00:00Z" });
    let reader = robot(&app, &["jobs.jobs.read"]).await;
    assert_eq!(reader.post("/v1/jobs/dead-letters/purge", &wide).await.status, 403);
    assert_eq!(purge(wide).await.expect(200)["removed"], 3);
    assert_eq!(numbers(&app.mallory.client, "mail").await[3], 1, "mallory's are hers");
}

#[db_test]
async fn a_redrive_takes_them_back_once(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    bury(alice, 3).await;
    queue(alice, "second", json!({})).await;
    for (request, wrong) in [
        (json!({ "queue": "pull:mail", "per_minute": 0 }), "/per_minute"),
        (json!({ "queue": "pull:mail", "to": "pull:nowhere" }), "/to"),
        (json!({ "queue": "nowhere" }), "/queue"),
    ] {
        let refused = alice.post(REDRIVES, &request).await.expect_problem(400, "jobs.invalid");
        assert_eq!(field(&refused), wrong);
    }
    let request = json!({ "queue": "pull:mail", "to": "pull:second" });
    let once = alice.with("idempotency-key", "redrive-1");
    let created = once.post(REDRIVES, &request).await;
    let redrive = created.expect(201);
    assert_eq!((&redrive["queue"], &redrive["to"]), (&json!("pull:mail"), &json!("pull:second")));
    let again = once.post(REDRIVES, &request).await;
    assert_eq!((again.expect(201), again.header("idempotency-replayed")), (redrive.clone(), Some("true")));
    assert_eq!(all(alice, REDRIVES).await.len(), 1);
    assert!(all(&app.mallory.client, REDRIVES).await.is_empty());
    work(&app);
    let path = created.header("location").unwrap();
    eventually("they are back", async || alice.get(path).await.expect(200)["state"] == "finished").await;
    assert_eq!(numbers(alice, "second").await, [3, 0, 0, 0]);
    assert_eq!(numbers(alice, "mail").await, [0, 0, 0, 0]);
    let late = alice.send("POST", &format!("{path}/cancel"), None).await.expect(200);
    assert_eq!((&late["state"], &late["moved"]), (&json!("finished"), &json!(3)));
}

#[tenant_test]
async fn a_redrive_ends_with_its_queue_or_when_somebody_says(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    bury(alice, 1).await;
    queue(alice, "second", json!({})).await;
    let request = json!({ "queue": "pull:mail", "to": "pull:second" });
    let [first, second] = [0, 1].map(|_| alice.post(REDRIVES, &request));
    let (first, second) = (first.await, second.await);
    let paths = [first, second].map(|created| created.header("location").unwrap().to_owned());
    let cancelled = alice.send("POST", &format!("{}/cancel", paths[0]), None).await.expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(alice.delete("/v1/jobs/queues/second").await.status, 204);
    assert_eq!(alice.get(&paths[1]).await.expect(200)["state"], "cancelled", "its goal is gone");
    assert_eq!(all(alice, REDRIVES).await.len(), 2);
}
