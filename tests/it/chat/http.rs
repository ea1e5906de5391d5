//! Rooms over HTTP.

use serde_json::{Value, json};
use uuid::Uuid;
use veza_testing::{AppBuilder, DbTest, db_test};

use super::{ROOMS, id, room, say, texts};

#[db_test]
async fn a_conversation(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let room = room(alice, "private").await;
    let name = Uuid::from_u128(7);
    let message = json!({ "client_id": name, "body": { "text": "Hello", "data": { "n": [1, 2] } } });
    let path = format!("{room}/messages");
    let first = alice.post(&path, &message).await;
    let seq = first.expect(201)["seq"].as_i64().unwrap();
    assert_eq!(first.header("location"), Some(format!("{path}/{seq}").as_str()));
    let again = alice.post(&path, &message).await.expect(200);
    assert_eq!((&again["seq"], &again["known"]), (&json!(seq), &json!(true)));
    let reply = json!({ "reply_to": seq, "body": { "text": "Hi" } });
    alice.post(&path, &reply).await.expect(201);
    let own = format!("{path}/{seq}");
    let edited = alice.patch(&own, &json!({ "body": { "text": "Hello!" } })).await.expect(200);
    assert_eq!((&edited["body"]["text"], &edited["replies"]), (&json!("Hello!"), &json!(1)));
    let seen = alice.put(&format!("{own}/reactions/%F0%9F%91%8D"), &json!({})).await.expect(200);
    assert_eq!(seen["reactions"], json!({ "👍": 1 }));
    assert_eq!(alice.get(&own).await.expect(200), seen);
    assert_eq!(texts(&alice.get(&path).await.expect(200)), ["Hi", "Hello!"]);
    assert_eq!(texts(&alice.get(&format!("{path}?order=oldest&limit=1")).await.expect(200)), ["Hello!"]);
    assert_eq!(texts(&alice.get(&format!("{path}?reply_to={seq}")).await.expect(200)), ["Hi"]);
    assert_eq!(texts(&alice.get(&format!("{own}/edits")).await.expect(200)), ["Hello", "Hello!"]);
    let log = alice.get(&format!("{room}/events")).await.expect(200);
    let kinds: Vec<&str> =
        log["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["room", "join", "message", "message", "edit", "react"]);
    let gone = alice.delete(&own).await.expect(200);
    assert!(gone["body"].is_null() && gone["deleted_at"].is_string());
    let cursor = alice.put(&format!("{room}/cursor"), &json!({ "seq": 1 })).await.expect(200);
    assert_eq!(cursor["unread"], 0);
}

#[db_test]
async fn bad_input_names_the_field(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let room = room(alice, "public").await;
    let seq = say(alice, &room, "x").await;
    let path = format!("{room}/messages");
    let fields = |body: &Value| body["errors"][0]["field"].as_str().unwrap().to_owned();
    for (message, code, field) in [
        (json!({}), "web.json.invalid", "/body"),
        (json!({ "body": {} }), "chat.invalid", "/body"),
        (json!({ "body": { "text": "" } }), "chat.invalid", "/body"),
        (json!({ "body": { "text": "a\u{0}" } }), "chat.invalid", "/body"),
        (json!({ "body": { "text": "x".repeat(20_000) } }), "chat.invalid", "/body"),
        (json!({ "body": { "txt": "x" } }), "web.json.invalid", "/body/txt"),
        (json!({ "body": { "text": "x" }, "client_id": "7" }), "web.json.invalid", "/client_id"),
        (json!({ "body": { "text": "x" }, "reply_to": seq + 1 }), "chat.invalid", "/reply_to"),
        (json!({ "body": { "text": "x" }, "reply_to": 1.5 }), "web.json.invalid", "/reply_to"),
    ] {
        let refused = alice.post(&path, &message).await.expect_problem(400, code);
        assert_eq!(fields(&refused), field, "{message}");
    }
    for new in [json!({ "kind": "direct", "name": "x" }), json!({ "kind": "public", "name": "" })] {
        alice.post(ROOMS, &new).await.expect_problem(400, "chat.invalid");
    }
    let refused = alice.put(&format!("{room}/cursor"), &json!({ "seq": seq + 1 })).await;
    assert_eq!(fields(&refused.expect_problem(400, "chat.invalid")), "/seq");
    alice.put(&format!("{path}/{seq}/reactions/a%20b"), &json!({})).await.expect_problem(400, "chat.invalid");
    alice.get(&format!("{room}/events?limit=1001")).await.expect_problem(400, "chat.invalid");
    for path in [format!("{ROOMS}/xyz"), format!("{path}/x"), format!("{path}/9223372036854775808")] {
        alice.get(&path).await.expect_problem(404, "chat.not_found");
    }
    assert_eq!(alice.get(&room).await.expect(200)["messages"], 1);
}

#[db_test]
async fn a_direct_room_is_found_by_both(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let other = json!({ "member": Uuid::from_u128(0x77) });
    let made = app.alice.client.post("/v1/chat/direct-rooms", &other).await.expect(201);
    assert_eq!(app.alice.client.post("/v1/chat/direct-rooms", &other).await.expect(200)["id"], made["id"]);
    // The same two ids in another organisation are another room.
    let theirs = app.mallory.client.post("/v1/chat/direct-rooms", &other).await.expect(201);
    assert_ne!(theirs["id"], made["id"]);
}

#[db_test]
async fn settings_change_under_their_version(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let room = room(alice, "public").await;
    let tag = alice.get(&room).await.header("etag").unwrap().to_owned();
    let change = json!({ "topic": "news" });
    let changed = alice.with("if-match", tag.clone()).patch(&room, &change).await;
    assert_eq!(changed.expect(200)["topic"], "news");
    alice
        .with("if-match", tag)
        .patch(&room, &json!({ "topic": "x" }))
        .await
        .expect_problem(412, "chat.version_mismatch");
}

#[db_test]
async fn who_sends_too_often_is_told_when_to_go_on(t: DbTest) {
    let app =
        AppBuilder::new(&t.database).configure(|config| config.chat.messages_per_minute = 3).start().await;
    let alice = &app.alice.client;
    let room = room(alice, "public").await;
    for _ in 0..3 {
        say(alice, &room, "x").await;
    }
    let refused = alice.post(&format!("{room}/messages"), &json!({ "body": { "text": "x" } })).await;
    refused.expect_problem(429, "chat.send.too_often");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(alice.get(&room).await.expect(200)["messages"], 3);
    assert_eq!(id(&room).len(), 36);
}
