//! Lanes: paused, limited, emptied.

use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

use super::{all, field, program_job};
use crate::pull::{numbers, queue, receive, robot, send};

const LANES: &str = "/v1/jobs/lanes";

#[db_test]
async fn a_paused_lane_waits(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    for client in [alice, mallory] {
        queue(client, "mail", json!({})).await;
        send(client, "mail", json!(1)).await;
    }
    let pause = format!("{LANES}/pull:mail/pause");
    let long = alice.post(&pause, &json!({ "reason": "x".repeat(501) })).await;
    assert_eq!(field(&long.expect_problem(400, "jobs.invalid")), "/reason");
    for _ in 0..2 {
        assert_eq!(alice.post(&pause, &json!({ "reason": "the provider is down" })).await.status, 204);
    }
    assert!(receive(alice, "mail", json!({})).await.is_empty());
    assert_eq!(receive(mallory, "mail", json!({})).await.len(), 1, "hers goes on");
    let lane = alice.get(&format!("{LANES}/pull:mail")).await.expect(200);
    assert_eq!((&lane["paused"], &lane["held"], &lane["weight"]), (&json!(true), &json!(true), &json!(1)));
    let holds = all(alice, "/v1/jobs/holds").await;
    assert_eq!((&holds[0]["held_by"], &holds[0]["queue"]), (&json!("tenant"), &json!("pull:mail")));
    assert_eq!((&holds[0]["reason"], holds.len()), (&json!("the provider is down"), 1));
    assert!(all(mallory, "/v1/jobs/holds").await.is_empty());
    // The operator's reason is not the organisation's to read, and its hold not theirs to lift.
    t.database.superuser().execute(
        "INSERT INTO jobs.holds (tenant_id, queue, held_by, reason, held_at) \
         VALUES ('00000000-0000-0000-0000-000000000000', '*', 'operator', 'canary', now())",
    );
    let holds = alice.get("/v1/jobs/holds").await;
    assert!(!holds.text.contains("canary") && holds.text.contains("operator"), "{}", holds.text);
    assert_eq!(alice.send("POST", &format!("{LANES}/pull:mail/resume"), None).await.status, 204);
    let lane = alice.get(&format!("{LANES}/pull:mail")).await.expect(200);
    assert_eq!((&lane["paused"], &lane["held"]), (&json!(false), &json!(true)));
    t.database.superuser().execute("DELETE FROM jobs.holds WHERE queue = '*'");
    assert_eq!(receive(alice, "mail", json!({})).await.len(), 1);
}

#[tenant_test]
async fn limits_of_a_pull_queue_are_its_owners_to_set(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({})).await;
    for number in 0..4 {
        send(alice, "mail", json!(number)).await;
    }
    let path = format!("{LANES}/pull:mail");
    let refused = alice.patch(&path, &json!({ "max_running": 0 })).await;
    assert_eq!(field(&refused.expect_problem(400, "jobs.invalid")), "/max_running");
    let refused = alice.patch(&path, &json!({ "weight": 1000 })).await;
    assert_eq!(field(&refused.expect_problem(400, "web.json.invalid")), "/weight");
    let limited = alice.patch(&path, &json!({ "max_running": 2, "per_minute": 600 })).await.expect(200);
    assert_eq!((&limited["max_running"], &limited["per_minute"]), (&json!(2), &json!(600)));
    assert_eq!(receive(alice, "mail", json!({ "max_messages": 10 })).await.len(), 2);
    assert!(receive(alice, "mail", json!({ "max_messages": 10 })).await.is_empty());
    let freed = alice.patch(&path, &json!({ "max_running": null })).await.expect(200);
    assert_eq!((freed.get("max_running"), &freed["per_minute"]), (None, &json!(600)), "absent stays");
    assert_eq!(receive(alice, "mail", json!({ "max_messages": 10 })).await.len(), 2);
}

#[tenant_test]
async fn lanes_of_programs_are_seen_paused_and_emptied_but_not_limited(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    queue(alice, "b", json!({})).await;
    queue(alice, "a", json!({})).await;
    program_job(&app, "one").await;
    let lanes = all(alice, LANES).await;
    let names: Vec<_> = lanes.iter().map(|lane| lane["queue"].as_str().unwrap()).collect();
    assert_eq!(names, ["default", "pull:a", "pull:b"]);
    assert!(all(mallory, LANES).await.is_empty());
    let path = format!("{LANES}/default");
    alice.patch(&path, &json!({ "max_running": 9 })).await.expect_problem(403, "jobs.lane.shared");
    let reader = robot(&app, &["jobs.jobs.read"]).await;
    for (method, what) in [("PATCH", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/purge")] {
        let client = reader.with("content-type", "application/json");
        let forbidden = client.send(method, &format!("{path}{what}"), Some(b"{}".to_vec())).await;
        assert_eq!(forbidden.status, 403, "{method} {what}: {}", forbidden.text);
        let client = mallory.with("content-type", "application/json");
        for name in ["default", "pull:a", "nowhere", "Bad", "pull:"] {
            let missing = client.send(method, &format!("{LANES}/{name}{what}"), Some(b"{}".to_vec())).await;
            missing.expect_problem(404, "jobs.not_found");
        }
    }
    assert_eq!(alice.post(&format!("{path}/pause"), &json!({})).await.status, 204);
    send(alice, "a", json!(1)).await;
    for (lane, removed) in [("default", 1), ("pull:a", 1), ("pull:b", 0)] {
        let purged = alice.send("POST", &format!("{LANES}/{lane}/purge"), None).await.expect(200);
        assert_eq!(purged["removed"], removed, "{lane}");
    }
    assert_eq!(numbers(alice, "a").await, [0, 0, 0, 0]);
}
