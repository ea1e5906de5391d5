//! Rooms over WebSocket.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;
use veza_testing::{App, AppBuilder, DbTest, db_test};

use super::peer::Peer;
use super::{id, room, say};

fn token(app: &App) -> String {
    app.alice.session["access_token"].as_str().unwrap().to_owned()
}

fn subscribe(peer: &mut Peer, room: &str, after: Option<i64>) -> Value {
    let mut request = json!({ "method": "subscribe", "room": id(room) });
    if let Some(after) = after {
        request["after"] = json!(after);
    }
    peer.ask(request)
}

#[db_test]
async fn two_talk(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let room = room(&app.alice.client, "private").await;
    let (mut one, mut two) = (Peer::enter(&app, &token(&app)), Peer::enter(&app, &token(&app)));
    let head = subscribe(&mut one, &room, None)["result"]["head"].as_i64().unwrap();
    subscribe(&mut two, &room, Some(0));
    let name = Uuid::from_u128(1);
    let send = json!({ "method": "send", "room": id(&room), "client_id": name, "body": { "text": "hi" } });
    let sent = one.ask(send.clone());
    assert_eq!((&sent["result"]["seq"], &sent["result"]["known"]), (&json!(head + 1), &json!(false)));
    assert_eq!(two.ask(send)["result"]["known"], true);
    let event = one.push();
    assert_eq!(
        (&event["type"], &event["kind"], &event["seq"]),
        (&json!("event"), &json!("message"), &json!(head + 1))
    );
    assert_eq!(event["body"], json!({ "text": "hi" }));
    for seq in 1..=head + 1 {
        assert_eq!(two.push()["seq"], seq);
    }
    let seq = head + 1;
    for (request, kind) in [
        (json!({ "method": "edit", "room": id(&room), "seq": seq, "body": { "text": "ho" } }), "edit"),
        (json!({ "method": "react", "room": id(&room), "seq": seq, "emoji": "👍" }), "react"),
        (json!({ "method": "unreact", "room": id(&room), "seq": seq, "emoji": "👍" }), "unreact"),
        (json!({ "method": "delete", "room": id(&room), "seq": seq }), "delete"),
    ] {
        assert_eq!(one.ask(request)["result"]["seq"], seq);
        for peer in [&mut one, &mut two] {
            let event = peer.push();
            assert_eq!((&event["kind"], &event["target"]), (&json!(kind), &json!(seq)));
        }
    }
    let read = one.ask(json!({ "method": "read", "room": id(&room), "seq": seq }));
    assert_eq!(read["result"]["unread"], 0);
    assert_eq!(one.ask(json!({ "method": "ping" }))["result"], json!({}));
    one.ask(json!({ "method": "unsubscribe", "room": id(&room) }));
    assert_eq!(one.ask(json!({ "method": "typing", "room": id(&room) }))["error"]["code"], "chat.not_found");
}

#[db_test]
async fn what_is_sent_at_once_keeps_its_order(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let room = room(&app.alice.client, "private").await;
    let mut peer = Peer::enter(&app, &token(&app));
    let head = subscribe(&mut peer, &room, None)["result"]["head"].as_i64().unwrap();
    let ids: Vec<u64> = (0..200)
        .map(|n| {
            peer.begin(json!({ "method": "send", "room": id(&room), "body": { "text": n.to_string() } }))
        })
        .collect();
    let mut answered = BTreeSet::new();
    let mut next = 0;
    while answered.len() < 200 || next < 200 {
        let value = peer.push();
        if value["type"] == "event" {
            assert_eq!(
                (&value["seq"], &value["body"]["text"]),
                (&json!(head + 1 + next), &json!(next.to_string()))
            );
            next += 1;
        } else {
            let place = ids.iter().position(|id| value["id"] == *id).unwrap();
            assert_eq!(value["result"]["seq"], head + 1 + i64::try_from(place).unwrap());
            assert!(answered.insert(place));
        }
    }
}

#[db_test]
async fn resuming_misses_nothing(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let room = room(&app.alice.client, "private").await;
    let mut peer = Peer::enter(&app, &token(&app));
    subscribe(&mut peer, &room, None);
    let seq = say(&app.alice.client, &room, "one").await;
    assert_eq!(peer.push()["seq"], seq);
    drop(peer);
    for text in ["two", "three"] {
        say(&app.alice.client, &room, text).await;
    }
    let mut peer = Peer::enter(&app, &token(&app));
    subscribe(&mut peer, &room, Some(seq));
    assert_eq!(
        (&peer.push()["body"]["text"], &peer.push()["body"]["text"]),
        (&json!("two"), &json!("three"))
    );
    let ahead = subscribe(&mut peer, &room, Some(1_000));
    assert_eq!(ahead["result"]["head"], seq + 2);
    assert_eq!(peer.push(), json!({ "type": "reset", "room": id(&room), "head": seq + 2 }));
}

#[db_test]
async fn rooms_of_others_are_not_there(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let room = room(&app.mallory.client, "public").await;
    let mut peer = Peer::enter(&app, &token(&app));
    let nowhere = format!("/{}", Uuid::from_u128(9));
    for request in [
        json!({ "method": "subscribe", "after": 0 }),
        json!({ "method": "send", "body": { "text": "x" } }),
        json!({ "method": "edit", "seq": 1, "body": { "text": "x" } }),
        json!({ "method": "delete", "seq": 1 }),
        json!({ "method": "react", "seq": 1, "emoji": "x" }),
        json!({ "method": "read", "seq": 1 }),
        json!({ "method": "typing" }),
    ] {
        let mut ask = |room: &str| {
            let mut request = request.clone();
            request["room"] = json!(id(room));
            let answer = peer.ask(request);
            assert_eq!(answer["error"]["code"], "chat.not_found", "{answer}");
            answer["error"].clone()
        };
        assert_eq!(ask(&room), ask(&nowhere));
    }
}

#[db_test]
async fn who_does_not_say_hello_gets_nothing(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let mut peer = Peer::silent(&app);
    assert_eq!(peer.ask(json!({ "method": "ping" }))["error"]["code"], "chat.protocol");
    assert_eq!(peer.closed(), 4400);
    let mut peer = Peer::silent(&app);
    assert_eq!(
        peer.ask(json!({ "method": "hello", "token": "nonsense" }))["error"]["code"],
        "tenant.token.invalid"
    );
    assert_eq!(peer.closed(), 4401);
    // After ten seconds of silence.
    assert_eq!(Peer::silent(&app).closed(), 4401);
    let bearer = |token: &str| [("authorization", format!("Bearer {token}"))];
    assert!(Peer::with(&app, &bearer("nonsense")).is_err());
    let mut peer = Peer::with(&app, &bearer(&token(&app))).unwrap();
    assert_eq!(peer.ask(json!({ "method": "ping" }))["result"], json!({}));
    // Nobody becomes somebody else.
    let other = app.mallory.session["access_token"].as_str().unwrap();
    assert_eq!(peer.ask(json!({ "method": "hello", "token": other }))["error"]["code"], "chat.protocol");
    assert!(peer.ask(json!({ "method": "hello", "token": token(&app) }))["result"]["member"].is_string());
}

#[db_test]
async fn nonsense_gets_an_error_or_the_end(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let mut peer = Peer::enter(&app, &token(&app));
    for (request, code) in [
        (json!({ "method": "fly" }), "chat.invalid"),
        (json!({ "method": "ping", "extra": 1 }), "web.json.invalid"),
        (json!({ "method": "subscribe", "room": 7 }), "web.json.invalid"),
        (json!({ "method": "subscribe", "room": Uuid::nil(), "after": -1 }), "chat.invalid"),
        (json!({ "method": "send", "room": Uuid::nil() }), "web.json.invalid"),
        (json!({ "method": "send", "room": Uuid::nil(), "body": {} }), "chat.invalid"),
    ] {
        assert_eq!(peer.ask(request.clone())["error"]["code"], code, "{request}");
    }
    for text in
        ["", "{", "[]", "7", "null", r#"{"method":"ping"}"#, r#"{"id":-1,"method":"ping"}"#, r#"{"id":1}"#]
    {
        let mut peer = Peer::enter(&app, &token(&app));
        peer.text(text);
        assert_eq!(peer.closed(), 4400, "{text}");
    }
    let mut peer = Peer::enter(&app, &token(&app));
    peer.text(&"x".repeat(100_000));
    assert_eq!(peer.closed(), 1009);
}

#[db_test]
async fn an_upgrade_that_is_none_is_told_why(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let plain = app.anonymous().get("/v1/chat/connect").await;
    plain.expect_problem(426, "chat.protocol");
    assert_eq!(plain.header("sec-websocket-version"), Some("13"));
}

#[db_test]
async fn there_may_be_so_many_connections(t: DbTest) {
    let app = AppBuilder::new(&t.database).configure(|config| config.chat.max_connections = 2).start().await;
    let first = Peer::enter(&app, &token(&app));
    let _second = Peer::enter(&app, &token(&app));
    let mut third = Peer::silent(&app);
    let refused = third.ask(json!({ "method": "hello", "token": token(&app) }));
    assert_eq!(refused["error"]["code"], "chat.connections.too_many");
    assert_eq!(third.closed(), 4100);
    // Of the others' there are as many.
    Peer::enter(&app, app.mallory.session["access_token"].as_str().unwrap());
    drop(first);
    for _ in 0..100 {
        let mut fourth = Peer::silent(&app);
        if fourth.ask(json!({ "method": "hello", "token": token(&app) })).get("result").is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a seat that was left is never free again");
}

#[db_test]
async fn after_the_goodbyes_the_server_hangs_up(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    for goodbye in [None, Some(1001)] {
        let mut peer = Peer::enter(&app, &token(&app));
        peer.close(goodbye);
        assert_eq!(peer.closed(), goodbye.unwrap_or(0));
        peer.hung_up();
    }
    let mut peer = Peer::enter(&app, &token(&app));
    peer.text("no request");
    assert_eq!(peer.closed(), 4400);
    peer.hung_up();
}
