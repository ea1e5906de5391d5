//! Messages that carry files.

use serde_json::{Value, json};
use uuid::Uuid;
use veza_testing::{App, AppBuilder, Client, Reply, TenantTest, tenant_test};

use super::peer::Peer;
use super::room;
use crate::storage::{BUCKETS, files, path, stored};

/// An object of the bucket `files`.
fn file(key: &str) -> Value {
    json!({ "bucket": "files", "key": key })
}

async fn app(t: &TenantTest) -> App {
    let app = AppBuilder::new(&t.database).start().await;
    files(&app.alice.client, json!({})).await;
    app
}

async fn attach(client: &Client, room: &str, attachments: &[Value]) -> Reply {
    let message = json!({ "body": {}, "attachments": attachments });
    client.post(&format!("{room}/messages"), &message).await
}

/// Sends a message of one file; where the file is from then on.
async fn carried(client: &Client, room: &str, key: &str) -> String {
    let sent = attach(client, room, &[file(key)]).await.expect(201);
    format!("{room}/messages/{}/attachments/0", sent["seq"])
}

/// What the redirection leads to.
async fn bytes(app: &App, client: &Client, path: &str) -> Reply {
    let reply = client.get(path).await;
    assert_eq!((reply.status, reply.header("cache-control")), (302, Some("no-store")), "{}", reply.text);
    app.anonymous().get(reply.header("location").unwrap()).await
}

/// An API key of alice's organisation with these rights, who has joined the room.
async fn guest(app: &App, room: &str, scopes: &[&str]) -> Client {
    let guest = crate::pull::robot(app, scopes).await;
    guest.post(&format!("{room}/join"), &json!({})).await;
    guest
}

#[tenant_test]
async fn a_member_without_rights_to_files_gets_what_a_message_carries(t: TenantTest) {
    let app = app(&t).await;
    let alice = &app.alice.client;
    let room = room(alice, "public").await;
    let object = stored(alice, "docs/a%20b.txt", "hello").await;
    let guest = guest(&app, &room, &["chat.rooms.use"]).await;
    let message = json!({ "body": { "text": "look" }, "attachments": [file("docs/a b.txt")] });
    let sent = alice.post(&format!("{room}/messages"), &message).await.expect(201);
    let said = format!("{room}/messages/{}", sent["seq"]);
    let attachment = json!({
        "version_id": object["version_id"], "name": "a b.txt", "size": 5, "content_type": "text/plain",
    });
    let shown = guest.get(&said).await.expect(200);
    assert_eq!((&shown["body"], &shown["attachments"]), (&json!({ "text": "look" }), &json!([attachment])));
    let log = guest.get(&format!("{room}/events")).await.expect(200);
    let event = log["items"].as_array().unwrap().iter().find(|event| event["seq"] == sent["seq"]).unwrap();
    assert_eq!(event["body"], json!({ "text": "look", "attachments": [attachment] }));
    let read = bytes(&app, &guest, &format!("{said}/attachments/0")).await;
    assert_eq!((read.status, read.text.as_str()), (200, "hello"));
    guest.get(&path("docs/a%20b.txt")).await.expect_problem(403, "core.permission.missing");
    guest.get(&format!("{said}/attachments/1")).await.expect_problem(404, "chat.not_found");
    // Another body leaves what is carried.
    let edited = alice.patch(&said, &json!({ "body": {} })).await.expect(200);
    assert_eq!((&edited["body"], &edited["attachments"]), (&json!({}), &json!([attachment])));
    assert_eq!(alice.get(&format!("{said}/edits")).await.expect(200)["items"][0]["body"]["text"], "look");
}

#[tenant_test]
async fn who_may_not_read_the_message_gets_nothing(t: TenantTest) {
    let app = app(&t).await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    let room = room(alice, "private").await;
    stored(alice, "x", "secret").await;
    let carried = carried(alice, &room, "x").await;
    let stranger = crate::pull::robot(&app, &["chat.rooms.use", "storage.objects.read"]).await;
    let whole = crate::pull::robot(&app, &["storage.objects.read"]).await;
    stranger.get(&carried).await.expect_problem(404, "chat.not_found");
    mallory.get(&carried).await.expect_problem(404, "chat.not_found");
    whole.get(&carried).await.expect_problem(403, "core.permission.missing");
    assert_eq!(app.anonymous().get(&carried).await.status, 401);
    // Who has left gets no more; the URL from before ends by itself.
    let me = app.alice.session["person_id"].as_str().unwrap();
    let other = json!({ "member": Uuid::from_u128(0x77), "role": "owner" });
    alice.post(&format!("{room}/members"), &other).await.expect(200);
    assert_eq!(bytes(&app, alice, &carried).await.text, "secret");
    let left = alice.delete(&format!("{room}/members/{me}")).await;
    assert_eq!(left.status, 204, "{}", left.text);
    let refused = alice.get(&carried).await;
    assert!([403, 404].contains(&refused.status), "{}", refused.text);
    assert!(refused.header("location").is_none());
}

#[tenant_test]
async fn what_is_deleted_is_not_found(t: TenantTest) {
    let app = app(&t).await;
    let alice = &app.alice.client;
    let room = room(alice, "public").await;
    stored(alice, "x", "one").await;
    stored(alice, "y", "two").await;
    let (first, second) = (carried(alice, &room, "x").await, carried(alice, &room, "y").await);
    alice.delete(&path("x")).await.expect(204);
    alice.get(&first).await.expect_problem(404, "chat.not_found");
    let message = second.strip_suffix("/attachments/0").unwrap();
    assert_eq!(bytes(&app, alice, &second).await.text, "two");
    alice.delete(message).await.expect(200);
    alice.get(&second).await.expect_problem(404, "chat.not_found");
    assert_eq!(alice.get(&path("y")).await.text, "two", "the object is its owner's still");
    let shown = alice.get(message).await.expect(200);
    assert!(shown["attachments"].is_null() && shown["body"].is_null(), "{shown}");
}

#[tenant_test]
async fn a_message_carries_the_version_that_it_was_sent_with(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    files(alice, json!({ "versioning": true })).await;
    let room = room(alice, "public").await;
    stored(alice, "x", "old").await;
    let carried = carried(alice, &room, "x").await;
    stored(alice, "x", "new").await;
    assert_eq!(bytes(&app, alice, &carried).await.text, "old");
}

#[tenant_test]
async fn nobody_sends_what_they_may_not_read(t: TenantTest) {
    let app = app(&t).await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    stored(alice, "x", "secret").await;
    let (hers, theirs) = (room(alice, "public").await, room(mallory, "public").await);
    let guest = guest(&app, &hers, &["chat.rooms.use"]).await;
    attach(&guest, &hers, &[file("x")]).await.expect_problem(403, "core.permission.missing");
    let field = |reply: &Reply, code| {
        let problem = reply.expect_problem(400, code);
        problem["errors"][0]["field"].as_str().unwrap().to_owned()
    };
    // Alice's file is to mallory what nobody's is, with and without a bucket of the same name.
    for _ in 0..2 {
        let foreign = attach(mallory, &theirs, &[file("x")]).await;
        let nobodys = attach(mallory, &theirs, &[file("z")]).await;
        assert_eq!(field(&foreign, "chat.invalid"), "/attachments/0");
        assert_eq!(foreign.json()["errors"], nobodys.json()["errors"]);
        mallory.post(BUCKETS, &json!({ "name": "files" })).await;
    }
    let many = vec![file("x"); 11];
    assert_eq!(field(&attach(alice, &hers, &many).await, "chat.invalid"), "/attachments");
    let second = [file("x"), file("../x")];
    assert_eq!(field(&attach(alice, &hers, &second).await, "chat.invalid"), "/attachments/1/key");
    let forged = json!({ "body": { "text": "x", "attachments": [] } });
    let refused = alice.post(&format!("{hers}/messages"), &forged).await;
    assert_eq!(field(&refused, "web.json.invalid"), "/body/attachments");
    let odd = [json!({ "bucket": "files", "key": "x", "version_id": Uuid::nil() })];
    assert_eq!(field(&attach(alice, &hers, &odd).await, "web.json.invalid"), "/attachments/0/version_id");
    assert_eq!(alice.get(&hers).await.expect(200)["messages"], 0);
    attach(alice, &hers, &many[..10]).await.expect(201);
}

#[tenant_test]
async fn a_message_that_was_stored_is_known_when_its_file_is_gone(t: TenantTest) {
    let app = app(&t).await;
    let alice = &app.alice.client;
    let room = room(alice, "public").await;
    stored(alice, "x", "hello").await;
    let path_of = format!("{room}/messages");
    let message = json!({ "client_id": Uuid::from_u128(9), "body": {}, "attachments": [file("x")] });
    let first = alice.post(&path_of, &message).await.expect(201);
    alice.delete(&path("x")).await.expect(204);
    let again = alice.post(&path_of, &message).await.expect(200);
    assert_eq!((&again["seq"], &again["known"]), (&first["seq"], &json!(true)));
    let other = json!({ "client_id": Uuid::from_u128(10), "body": {}, "attachments": [file("x")] });
    alice.post(&path_of, &other).await.expect_problem(400, "chat.invalid");
}

#[tenant_test]
async fn sockets_carry_files_as_well(t: TenantTest) {
    let app = app(&t).await;
    let room = room(&app.alice.client, "public").await;
    stored(&app.alice.client, "x", "hello").await;
    let token = app.alice.session["access_token"].as_str().unwrap();
    let mut peer = Peer::enter(&app, token);
    peer.ask(json!({ "method": "subscribe", "room": super::id(&room) }));
    let send = |key: &str| json!({ "method": "send", "room": super::id(&room), "body": {}, "attachments": [file(key)] });
    let refused = peer.ask(send("missing"));
    assert_eq!(refused["error"]["errors"][0]["field"], "/attachments/0", "{refused}");
    let sent = peer.ask(send("x"));
    let event = peer.push();
    assert_eq!(
        (&event["seq"], &event["body"]["attachments"][0]["name"]),
        (&sent["result"]["seq"], &json!("x"))
    );
    let carried = format!("{room}/messages/{}/attachments/0", sent["result"]["seq"]);
    assert_eq!(bytes(&app, &app.alice.client, &carried).await.text, "hello");
    // The longest names that there are go into one request.
    let longest: Vec<Value> = (0..10).map(|_| file(&"\u{1F600}".repeat(256))).collect();
    let request =
        json!({ "method": "send", "room": super::id(&room), "body": {}, "attachments": longest }).to_string();
    let escaped: String = request
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { "\\ud83d\\ude00".to_owned() })
        .collect();
    peer.text(&escaped.replacen('{', "{\"id\":1000000,", 1));
    assert_eq!(peer.answer(1_000_000)["error"]["code"], "chat.invalid");
}
