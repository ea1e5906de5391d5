//! Who may not listen any more is cut off, whichever way they listen. Where nothing else is said, all here wait
//! twenty seconds at most, as the server looks every two.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use veza::tenant::organization::Transition;
use veza_testing::{App, AppBuilder, DbTest, db_test};

use super::peer::Peer;
use super::stream::Stream;
use super::{id, room, say};

/// Alice listens both ways to a room of hers.
async fn listening(app: &App) -> (Peer, Stream) {
    let room = room(&app.alice.client, "private").await;
    let mut peer = Peer::enter(app, app.alice.session["access_token"].as_str().unwrap());
    peer.ask(json!({ "method": "subscribe", "room": id(&room) }));
    let mut stream = Stream::open(app, &room, "", None);
    let seq = say(&app.alice.client, &room, "both hear it").await;
    assert_eq!((&peer.push()["seq"], stream.next().0), (&json!(seq), Some(seq)));
    (peer, stream)
}

#[db_test]
async fn who_is_removed_from_a_room_hears_no_more_of_it(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let room = room(alice, "private").await;
    let (_bob, session) = app.join("bob@example.org", "member").await;
    let person = session["person_id"].as_str().unwrap();
    alice.post(&format!("{room}/members"), &json!({ "member": person })).await.expect(200);
    let mut peer = Peer::enter(&app, session["access_token"].as_str().unwrap());
    peer.ask(json!({ "method": "subscribe", "room": id(&room) }));
    assert_eq!(alice.delete(&format!("{room}/members/{person}")).await.status, 204);
    say(alice, &room, "among ourselves").await;
    assert_eq!(peer.push()["kind"], "leave");
    assert_eq!(peer.push(), json!({ "type": "ended", "room": id(&room) }));
    // The connection is good for other rooms; this one is not there any more.
    let again = peer.ask(json!({ "method": "subscribe", "room": id(&room) }));
    assert_eq!(again["error"]["code"], "chat.not_found");
}

#[db_test]
async fn a_suspended_organisation_is_cut_off(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (mut peer, mut stream) = listening(&app).await;
    let mut others = Peer::enter(&app, app.mallory.session["access_token"].as_str().unwrap());
    app.platform.tenants.transition(&app.alice.slug, Transition::Suspend, Some("unpaid")).await.unwrap();
    assert_eq!(peer.closed(), 4403);
    stream.ended();
    assert_eq!(others.ask(json!({ "method": "ping" }))["result"], json!({}));
}

#[db_test(clock = "manual")]
async fn an_expired_token_cuts_off(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let (mut peer, mut stream) = listening(&app).await;
    t.clock.advance(TimeDelta::minutes(6));
    assert_eq!(peer.closed(), 4401);
    stream.ended();
}

#[db_test]
async fn an_ended_session_cuts_off(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (mut peer, mut stream) = listening(&app).await;
    let session = app.alice.session["session_id"].as_str().unwrap();
    assert_eq!(app.alice.client.delete(&format!("/v1/tenant/sessions/{session}")).await.status, 204);
    assert_eq!(peer.closed(), 4401);
    stream.ended();
}

#[db_test]
async fn both_ways_share_one_limit(t: DbTest) {
    let app = AppBuilder::new(&t.database).configure(|config| config.chat.max_connections = 2).start().await;
    let (peer, _stream) = listening(&app).await;
    let path = format!("{}/stream", room(&app.alice.client, "private").await);
    app.alice.client.get(&path).await.expect_problem(429, "chat.connections.too_many");
    let mut third = Peer::silent(&app);
    let hello = json!({ "method": "hello", "token": app.alice.session["access_token"] });
    assert_eq!(third.ask(hello)["error"]["code"], "chat.connections.too_many");
    assert_eq!(third.closed(), 4100);
    drop(peer);
}

/// It takes the half minute: more waits for the peer than the kernel takes, so the server sees no progress.
#[db_test]
async fn who_reads_nothing_for_half_a_minute_is_given_up(t: DbTest) {
    let app = AppBuilder::new(&t.database)
        .configure(|config| config.chat.messages_per_minute = 1_000_000)
        .start()
        .await;
    let alice = &app.alice.client;
    let room = room(alice, "private").await;
    let mut stuck = Peer::enter(&app, app.alice.session["access_token"].as_str().unwrap());
    stuck.ask(json!({ "method": "subscribe", "room": id(&room) }));
    let text = "x".repeat(15_000);
    for _ in 0..500 {
        say(alice, &room, &text).await;
    }
    let me = app.alice.session["person_id"].as_str().unwrap();
    let presence = format!("/v1/chat/presence?members={me}");
    assert_eq!(alice.get(&presence).await.expect(200)["items"][0]["online"], true);
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if alice.get(&presence).await.expect(200)["items"][0]["online"] == false {
            return;
        }
    }
    panic!("somebody who reads nothing is served for ever");
}
