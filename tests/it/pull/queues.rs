//! Queues as things: made, listed, changed, purged, removed.

use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

use super::{QUEUES, numbers, one, queue, receive, robot, send, work};

#[tenant_test]
async fn a_queue_is_made_once_and_changed_by_version(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let made = queue(alice, "mail", json!({ "max_receives": 3 })).await;
    let settings = ["visibility_timeout_seconds", "delay_seconds", "max_receives", "max_message_bytes"];
    assert_eq!(settings.map(|name| made[name].as_i64().unwrap()), [300, 0, 3, 262_144]);
    assert_eq!(made["retention_seconds"], 345_600);
    let again = json!({ "name": "mail", "max_receives": 3, "delay_seconds": 0 });
    assert_eq!(alice.post(QUEUES, &again).await.expect(200)["created_at"], made["created_at"]);
    alice.post(QUEUES, &json!({ "name": "mail" })).await.expect_problem(409, "jobs.queue.exists");
    let path = format!("{QUEUES}/mail");
    let shown = alice.get(&path).await;
    assert_eq!(shown.expect(200), made);
    assert_eq!(shown.header("etag"), Some("\"v1\""));
    let change = json!({ "delay_seconds": 900, "retention_seconds": 60 });
    let changed = alice.with("if-match", "\"v1\"").patch(&path, &change).await;
    let body = changed.expect(200);
    assert_eq!((&body["delay_seconds"], &body["max_receives"]), (&json!(900), &json!(3)));
    assert_eq!(changed.header("etag"), Some("\"v2\""));
    let late = alice.with("if-match", "\"v1\"").patch(&path, &change).await;
    late.expect_problem(412, "jobs.version_mismatch");
    let late = alice.with("if-match", "\"v1\"").delete(&path).await;
    late.expect_problem(412, "jobs.version_mismatch");
    assert_eq!(alice.get(&path).await.expect(200)["version"], 2);
}

#[tenant_test]
async fn settings_and_names_have_limits(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    for (field, value) in [
        ("visibility_timeout_seconds", -1),
        ("visibility_timeout_seconds", 43_201),
        ("delay_seconds", 901),
        ("max_receives", 0),
        ("max_receives", 1_001),
        ("max_message_bytes", 0),
        ("max_message_bytes", 1_048_577),
        ("retention_seconds", 59),
        ("retention_seconds", 1_209_601),
    ] {
        let problem = alice.post(QUEUES, &json!({ "name": "a", field: value })).await;
        let problem = problem.expect_problem(400, "jobs.invalid");
        assert_eq!(problem["errors"][0]["field"], format!("/{field}"), "{value}");
    }
    for name in ["", "A", "1a", "a b", "pull:a", "ä", "a/b", "a\0", &"a".repeat(64)] {
        let refused = alice.post(QUEUES, &json!({ "name": name })).await;
        assert_eq!(refused.expect_problem(400, "jobs.invalid")["errors"][0]["field"], "/name", "{name:?}");
    }
    let unknown = alice.post(QUEUES, &json!({ "name": "a", "fifo": true })).await;
    unknown.expect_problem(400, "web.json.invalid");
    assert_eq!(alice.get(QUEUES).await.expect(200)["items"], json!([]));
}

#[db_test]
async fn an_organisation_has_a_thousand_queues_and_lists_them_in_pages(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    t.database.superuser().execute(&format!(
        "INSERT INTO jobs.queues (tenant_id, name, created_at, updated_at)
         SELECT '{}', 'q' || n, now(), now() FROM generate_series(1, 999) AS n",
        app.alice.tenant
    ));
    queue(alice, "last", json!({})).await;
    alice.post(QUEUES, &json!({ "name": "more" })).await.expect_problem(403, "jobs.limit_reached");
    queue(&app.mallory.client, "more", json!({})).await;
    let mut names = Vec::new();
    let mut path = format!("{QUEUES}?limit=200");
    loop {
        let page = alice.get(&path).await.expect(200);
        names.extend(page["items"].as_array().unwrap().iter().map(|q| q["name"].to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{QUEUES}?limit=200&cursor={cursor}");
    }
    let (count, mut sorted) = (names.len(), names.clone());
    sorted.sort();
    sorted.dedup();
    assert_eq!((count, sorted), (1_000, names));
}

#[tenant_test]
async fn a_purge_takes_all_but_the_dead(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    for owner in [&app.alice, &app.mallory] {
        queue(&owner.client, "mail", json!({})).await;
        for number in 0..3 {
            send(&owner.client, "mail", json!(number)).await;
        }
        let delayed = json!({ "body": "later", "delay_seconds": 60 });
        owner.client.post(&format!("{QUEUES}/mail/messages"), &delayed).await.expect(201);
    }
    let dead = one(alice, "mail").await;
    let dead = json!({ "receipt": dead["receipt"], "dead_letter": true });
    super::end(alice, "mail", "reject", &dead).await.expect(200);
    let held = one(alice, "mail").await;
    assert_eq!(numbers(alice, "mail").await, [1, 1, 1, 1]);
    let purged = alice.send("POST", &format!("{QUEUES}/mail/purge"), None).await.expect(200);
    assert_eq!(purged["removed"], 3);
    assert_eq!(numbers(alice, "mail").await, [0, 0, 0, 1]);
    let gone = json!({ "receipt": held["receipt"] });
    super::end(alice, "mail", "acknowledge", &gone).await.expect_problem(409, "jobs.lease.lost");
    assert_eq!(receive(alice, "mail", json!({})).await.len(), 0);
    assert_eq!(numbers(&app.mallory.client, "mail").await, [3, 0, 1, 0], "mallory's are hers");
}

#[db_test(clock = "manual")]
async fn a_queue_goes_with_all_it_holds(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let alice = robot(&app, &["*"]).await;
    queue(&alice, "mail", json!({})).await;
    queue(&app.mallory.client, "mail", json!({})).await;
    for client in [&alice, &app.mallory.client] {
        send(client, "mail", json!("kept")).await;
    }
    let path = format!("{QUEUES}/mail");
    alice.delete(&path).await.expect_problem(409, "jobs.queue.not_empty");
    let held = one(&alice, "mail").await;
    alice.delete(&path).await.expect_problem(409, "jobs.queue.not_empty");
    assert_eq!(alice.delete(&format!("{path}?force=true")).await.status, 204);
    alice.get(&path).await.expect_problem(404, "jobs.not_found");
    let gone = super::end(&alice, "mail", "acknowledge", &json!({ "receipt": held["receipt"] })).await;
    gone.expect_problem(404, "jobs.not_found");
    let rows = format!(
        "SELECT (SELECT count(*) FROM jobs.leases WHERE tenant_id = '{0}') + (SELECT count(*) FROM jobs.ready WHERE tenant_id = '{0}')",
        app.alice.tenant
    );
    assert_eq!(t.database.superuser().count(&rows), 0);
    let soon = alice.post(QUEUES, &json!({ "name": "mail" })).await;
    soon.expect_problem(409, "jobs.queue.deleted_recently");
    assert_eq!(soon.header("retry-after"), Some("60"));
    t.clock.advance(chrono::TimeDelta::seconds(61));
    queue(&alice, "mail", json!({ "max_receives": 1 })).await;
    assert_eq!(numbers(&alice, "mail").await, [0, 0, 0, 0]);
    assert_eq!(numbers(&app.mallory.client, "mail").await, [1, 0, 0, 0]);
}

#[db_test(clock = "manual")]
async fn what_was_left_of_a_removed_queue_is_swept(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let alice = &app.alice.client;
    for name in ["gone", "kept"] {
        queue(alice, name, json!({})).await;
        send(alice, name, json!(name)).await;
    }
    // As when the process ended between its mark and the rest.
    t.database.superuser().execute(&format!(
        "UPDATE jobs.queues SET removed_at = '{}' WHERE name = 'gone'",
        (t.clock.now() - chrono::TimeDelta::seconds(61)).to_rfc3339()
    ));
    work(&app);
    let left = "SELECT (SELECT count(*) FROM jobs.queues) * 10 + (SELECT count(*) FROM jobs.ready)";
    super::eventually("swept", async || t.database.superuser().count(left) == 11).await;
    assert_eq!(numbers(alice, "kept").await, [1, 0, 0, 0]);
}
