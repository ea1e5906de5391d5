//! The life of messages, and who may have a part in it.

use serde_json::{Value, json};
use veza_testing::{AppBuilder, TenantTest, tenant_test};

use super::{QUEUES, end, numbers, one, queue, receive, robot, send};

#[tenant_test]
async fn the_life_of_a_message(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({ "visibility_timeout_seconds": 60 })).await;
    let body = json!({ "to": "bob@example.org", "lines": [1, 2.5, null, "é"] });
    let message = json!({ "body": body, "attributes": { "trace": "abc", "Kind.2": "" } });
    let sent = alice.post(&format!("{QUEUES}/mail/messages"), &message).await.expect(201);
    assert_eq!(sent["deduplicated"], false);
    assert_eq!(numbers(alice, "mail").await, [1, 0, 0, 0]);
    let received = one(alice, "mail").await;
    assert_eq!(received["message_id"], sent["message_id"]);
    assert_eq!((&received["body"], &received["attributes"]), (&body, &message["attributes"]));
    assert_eq!(received["receive_count"], 1);
    assert_eq!(numbers(alice, "mail").await, [0, 1, 0, 0]);
    assert!(receive(alice, "mail", json!({ "max_messages": 10 })).await.is_empty(), "it is invisible");
    let extension = json!({ "receipt": received["receipt"], "visibility_timeout_seconds": 3_600 });
    let extended = end(alice, "mail", "extend", &extension).await.expect(200);
    assert!(extended["invisible_until"].as_str() > received["invisible_until"].as_str(), "{extended}");
    let receipt = json!({ "receipt": received["receipt"] });
    assert_eq!(end(alice, "mail", "acknowledge", &receipt).await.status, 204);
    assert_eq!(numbers(alice, "mail").await, [0, 0, 0, 0]);
    for how in ["acknowledge", "reject"] {
        end(alice, "mail", how, &receipt).await.expect_problem(409, "jobs.lease.lost");
    }
    end(alice, "mail", "extend", &extension).await.expect_problem(409, "jobs.lease.lost");
}

#[tenant_test]
async fn a_receipt_is_void_after_the_next_receive(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({})).await;
    queue(alice, "other", json!({})).await;
    send(alice, "mail", json!("again")).await;
    let first = one(alice, "mail").await;
    let back = json!({ "receipt": first["receipt"], "visibility_timeout_seconds": 0 });
    end(alice, "mail", "extend", &back).await.expect(200);
    let second = one(alice, "mail").await;
    assert_eq!((&second["message_id"], &second["receive_count"]), (&first["message_id"], &json!(2)));
    let (first, second) = (json!({ "receipt": first["receipt"] }), json!({ "receipt": second["receipt"] }));
    for how in ["acknowledge", "reject"] {
        end(alice, "mail", how, &first).await.expect_problem(409, "jobs.lease.lost");
        end(alice, "other", how, &second).await.expect_problem(409, "jobs.lease.lost");
    }
    assert_eq!(numbers(alice, "mail").await, [0, 1, 0, 0], "still held");
    assert_eq!(end(alice, "mail", "acknowledge", &second).await.status, 204);
}

#[tenant_test]
async fn a_receipt_is_worth_nothing_to_others(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    for client in [alice, mallory] {
        queue(client, "mail", json!({})).await;
    }
    send(alice, "mail", json!("for alice")).await;
    assert!(receive(mallory, "mail", json!({})).await.is_empty());
    let held = one(alice, "mail").await;
    let essence = |mut problem: Value| {
        problem["instance"] = Value::Null;
        problem
    };
    for how in ["acknowledge", "extend", "reject"] {
        let body = |receipt: &Value| match how {
            "extend" => json!({ "receipt": receipt, "visibility_timeout_seconds": 0 }),
            _ => json!({ "receipt": receipt }),
        };
        let foreign = end(mallory, "mail", how, &body(&held["receipt"])).await;
        let unknown = end(mallory, "mail", how, &body(&json!("A".repeat(43)))).await;
        let nonsense = end(mallory, "mail", how, &body(&json!("né\0"))).await;
        let foreign = essence(foreign.expect_problem(409, "jobs.lease.lost"));
        assert_eq!(foreign, essence(unknown.json()), "{how}");
        assert_eq!(foreign, essence(nonsense.json()), "{how}");
    }
    let entries = json!({ "entries": [{ "id": "a", "receipt": held["receipt"] }] });
    let outcome = end(mallory, "mail", "acknowledge", &entries).await.expect(200);
    assert_eq!(
        (&outcome["successful"], &outcome["failed"][0]["code"]),
        (&json!([]), &json!("jobs.lease.lost"))
    );
    assert_eq!(numbers(alice, "mail").await, [0, 1, 0, 0]);
    let receipt = json!({ "receipt": held["receipt"] });
    assert_eq!(end(alice, "mail", "acknowledge", &receipt).await.status, 204);
}

#[tenant_test]
async fn a_bad_entry_keeps_no_other_back(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({ "max_message_bytes": 100 })).await;
    let path = format!("{QUEUES}/mail/messages/batch");
    let batch = json!({ "entries": [
        { "id": "a", "body": 1 },
        { "id": "late", "body": 2, "delay_seconds": 901 },
        { "id": "large", "body": "x".repeat(100) },
        { "id": "b", "body": 3 },
    ] });
    let outcome = alice.post(&path, &batch).await.expect(200);
    let ids = |list: &Value| list.as_array().unwrap().iter().map(|e| e["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&outcome["successful"]), ["\"a\"", "\"b\""]);
    assert_eq!(ids(&outcome["failed"]), ["\"late\"", "\"large\""]);
    assert_eq!(outcome["failed"][0]["code"], "jobs.invalid");
    assert_eq!(outcome["failed"][0]["message"], "/delay_seconds: from 0 to 900");
    assert_eq!(outcome["failed"][1]["code"], "jobs.payload.too_large");
    let received = receive(alice, "mail", json!({ "max_messages": 10 })).await;
    assert_eq!(received.iter().map(|m| m["body"].clone()).collect::<Vec<_>>(), [json!(1), json!(3)]);
    let entry = |id: &str, receipt: &Value| json!({ "id": id, "receipt": receipt });
    let entries = json!({ "entries": [
        entry("one", &received[0]["receipt"]), entry("twice", &received[0]["receipt"]),
        entry("bad", &json!("bad")), entry("three", &received[1]["receipt"]),
    ] });
    let outcome = end(alice, "mail", "acknowledge", &entries).await.expect(200);
    assert_eq!(outcome["successful"], json!(["one", "three"]));
    assert_eq!(ids(&outcome["failed"]), ["\"twice\"", "\"bad\""]);
    assert_eq!(numbers(alice, "mail").await, [0, 0, 0, 0]);
    let many: Vec<Value> = (0..11).map(|n| json!({ "id": n.to_string(), "body": n })).collect();
    for entries in [
        json!([]),
        json!(many),
        json!([{ "id": "a", "body": 1 }, { "id": "a", "body": 2 }]),
        json!([{ "id": "a b", "body": 1 }]),
    ] {
        let refused = alice.post(&path, &json!({ "entries": entries })).await;
        refused.expect_problem(400, "jobs.invalid");
    }
    assert_eq!(numbers(alice, "mail").await, [0, 0, 0, 0]);
}

#[tenant_test]
async fn messages_and_receives_have_limits(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({ "max_message_bytes": 1_000 })).await;
    let path = format!("{QUEUES}/mail/messages");
    let eleven: serde_json::Map<_, _> = (0..11).map(|n| (format!("a{n}"), json!(""))).collect();
    for (field, message) in [
        ("/body", json!({ "body": "a\0b" })),
        ("/body", json!({ "body": [{ "a\0": 1 }] })),
        ("/attributes", json!({ "body": 1, "attributes": eleven })),
        ("/attributes", json!({ "body": 1, "attributes": { "a b": "" } })),
        ("/attributes", json!({ "body": 1, "attributes": { "a": "\0" } })),
        ("/delay_seconds", json!({ "body": 1, "delay_seconds": -1 })),
        ("/priority", json!({ "body": 1, "priority": 10 })),
        ("/deduplication_id", json!({ "body": 1, "deduplication_id": "" })),
    ] {
        let problem = alice.post(&path, &message).await.expect_problem(400, "jobs.invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{message}");
    }
    // 998 characters and two quotes.
    send(alice, "mail", json!("x".repeat(998))).await;
    let large = alice.post(&path, &json!({ "body": "x".repeat(999) })).await;
    large.expect_problem(400, "jobs.payload.too_large");
    let large = json!({ "body": "x".repeat(990), "attributes": { "trace": "12345" } });
    alice.post(&path, &large).await.expect_problem(400, "jobs.payload.too_large");
    for (field, value) in [
        ("max_messages", 0),
        ("max_messages", 11),
        ("wait_seconds", 21),
        ("wait_seconds", -1),
        ("visibility_timeout_seconds", 43_201),
    ] {
        let problem = alice.post(&format!("{QUEUES}/mail/receive"), &json!({ field: value })).await;
        let problem = problem.expect_problem(400, "jobs.invalid");
        assert_eq!(problem["errors"][0]["field"], format!("/{field}"));
    }
    let held = one(alice, "mail").await;
    for (how, body) in [
        ("extend", json!({ "receipt": held["receipt"], "visibility_timeout_seconds": 43_201 })),
        ("reject", json!({ "receipt": held["receipt"], "delay_seconds": 43_201 })),
        ("reject", json!({ "receipt": held["receipt"], "reason": "x".repeat(2_001) })),
        ("acknowledge", json!({})),
        ("acknowledge", json!({ "receipt": held["receipt"], "entries": [] })),
    ] {
        end(alice, "mail", how, &body).await.expect_problem(400, "jobs.invalid");
    }
    assert_eq!(numbers(alice, "mail").await, [0, 1, 0, 0]);
}

#[tenant_test]
async fn a_request_that_comes_twice_sends_once(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    queue(&app.alice.client, "mail", json!({})).await;
    let alice = app.alice.client.with("idempotency-key", "send-1");
    let path = format!("{QUEUES}/mail/messages");
    let first = alice.post(&path, &json!({ "body": 1 })).await;
    let second = alice.post(&path, &json!({ "body": 1 })).await;
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let other = alice.post(&path, &json!({ "body": 2 })).await;
    other.expect_problem(409, "core.idempotency.key_reused");
    assert_eq!(numbers(&app.alice.client, "mail").await, [1, 0, 0, 0]);
}

#[tenant_test]
async fn each_part_takes_its_permission(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    queue(&app.alice.client, "mail", json!({})).await;
    let sender = robot(&app, &["jobs.messages.send"]).await;
    let receiver = robot(&app, &["jobs.messages.receive"]).await;
    let reader = robot(&app, &["jobs.jobs.read"]).await;
    let manager = robot(&app, &["jobs.jobs.manage"]).await;
    send(&sender, "mail", json!(1)).await;
    let held = one(&receiver, "mail").await;
    let receipt = json!({ "receipt": held["receipt"] });
    let path = format!("{QUEUES}/mail");
    for (client, method, path, body) in [
        (&receiver, "POST", format!("{path}/messages"), json!({ "body": 1 })),
        (&receiver, "POST", format!("{path}/messages/batch"), json!({ "entries": [] })),
        (&sender, "POST", format!("{path}/receive"), json!({})),
        (&sender, "POST", format!("{path}/messages/acknowledge"), receipt.clone()),
        (&sender, "POST", format!("{path}/messages/reject"), receipt.clone()),
        (&manager, "GET", path.clone(), json!(null)),
        (&manager, "GET", QUEUES.to_owned(), json!(null)),
        (&reader, "POST", QUEUES.to_owned(), json!({ "name": "a" })),
        (&reader, "PATCH", path.clone(), json!({})),
        (&reader, "DELETE", path.clone(), json!(null)),
        (&reader, "POST", format!("{path}/purge"), json!(null)),
    ] {
        let bytes = (!body.is_null()).then(|| body.to_string().into_bytes());
        let reply = client.with("content-type", "application/json").send(method, &path, bytes).await;
        reply.expect_problem(403, "core.permission.missing");
    }
    reader.get(&path).await.expect(200);
    assert_eq!(end(&receiver, "mail", "acknowledge", &receipt).await.status, 204);
    assert_eq!(manager.delete(&path).await.status, 204);
}
