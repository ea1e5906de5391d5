//! Channels, tokens, and what ends a session.

use std::time::Duration;

use serde_json::{Value, json};
use veza::tenant::organization::Transition;
use veza_testing::{App, AppBuilder, Client, DbTest, Reply, db_test};

use super::offer;

async fn channel(client: &Client) -> String {
    let made = client.post("/v1/stream/channels", &json!({ "name": "one" })).await.expect(201);
    format!("/v1/stream/channels/{}", made["id"].as_str().unwrap())
}

async fn token(client: &Client, channel: &str, body: Value) -> String {
    let token = client.post(&format!("{channel}/tokens"), &body).await.expect(200);
    token["token"].as_str().unwrap().to_owned()
}

async fn post(client: &Client, path: &str, offer: String) -> Reply {
    client.with("content-type", "application/sdp").send("POST", path, Some(offer.into())).await
}

async fn publish(client: &Client, channel: &str) -> Reply {
    post(client, &format!("{channel}/whip"), offer("sendonly")).await
}

async fn watch(client: &Client, channel: &str) -> Reply {
    post(client, &format!("{channel}/whep"), offer("recvonly")).await
}

/// Waits until nothing goes on in a channel.
async fn silent(app: &App, channel: &str) -> bool {
    for _ in 0..1_000 {
        let now = app.alice.client.get(&format!("{channel}/sessions")).await.json();
        if now["items"].as_array().is_some_and(Vec::is_empty) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[db_test]
async fn a_channel_has_a_life(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let path = channel(alice).await;
    let got = alice.get(&path).await;
    assert_eq!(got.header("etag"), Some("\"v1\""));
    let changed = alice.with("if-match", "\"v1\"").patch(&path, &json!({ "take_over": true })).await;
    assert_eq!((changed.status, changed.json()["take_over"].as_bool()), (200, Some(true)));
    let stale = alice.with("if-match", "\"v1\"").patch(&path, &json!({ "take_over": false })).await;
    stale.expect_problem(412, "stream.version_mismatch");
    alice.patch(&path, &json!({ "max_kbps": 1 })).await.expect_problem(400, "stream.invalid");
    let started = publish(alice, &path).await;
    assert_eq!(
        (started.status, started.header("content-type")),
        (201, Some("application/sdp")),
        "{}",
        started.text
    );
    let now = alice.get(&format!("{path}/sessions")).await.expect(200);
    let session = format!("{path}/sessions/{}", now["items"][0]["id"].as_str().unwrap());
    assert_eq!(alice.get(&session).await.expect(200)["kind"], "publisher");
    assert_eq!(alice.delete(&session).await.status, 204);
    assert_eq!(alice.get(&session).await.expect(200)["end_reason"], "ended");
    assert_eq!(alice.delete(&path).await.status, 204);
    alice.get(&path).await.expect_problem(404, "stream.not_found");
}

/// A token does what it says in its channel, and nothing else.
#[db_test]
async fn tokens_open_one_channel(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let (path, other) = (channel(alice).await, channel(alice).await);
    let publishing = token(alice, &path, json!({ "grants": ["publish"], "seconds": 60 })).await;
    let watching = token(alice, &path, json!({ "grants": ["watch"], "seconds": 60 })).await;
    let (publisher, viewer) = (app.anonymous().bearer(&publishing), app.anonymous().bearer(&watching));
    watch(&viewer, &path).await.expect_problem(409, "stream.channel.not_live");
    publish(&viewer, &path).await.expect_problem(403, "core.permission.missing");
    watch(&publisher, &path).await.expect_problem(403, "core.permission.missing");
    publish(&publisher, &other).await.expect_problem(404, "stream.not_found");
    publisher.get(&path).await.expect_problem(401, "tenant.token.invalid");
    let started = publish(&publisher, &path).await;
    assert_eq!(started.status, 201, "{}", started.text);
    assert_eq!(watch(&viewer, &path).await.status, 201);
    publish(&publisher, &path).await.expect_problem(409, "stream.channel.busy");
    let session = started.header("location").unwrap();
    assert_eq!(viewer.delete(session).await.status, 403, "a viewer ends no publisher");
    assert_eq!(publisher.delete(session).await.status, 200);
    assert_eq!(publisher.get(session).await.status, 404);
    let altered = publishing.replace("vzs_", "vzs_A");
    publish(&app.anonymous().bearer(&altered), &path).await.expect_problem(401, "stream.token.invalid");
    // Another organisation's channel is like none.
    let foreign = channel(&app.mallory.client).await;
    publish(&publisher, &foreign).await.expect_problem(404, "stream.not_found");
    publish(&app.mallory.client, &path).await.expect_problem(404, "stream.not_found");
    assert_eq!(alice.delete(&format!("{path}/tokens")).await.status, 204);
    publish(&publisher, &path).await.expect_problem(401, "stream.token.expired");
    let nothing = json!({ "grants": [], "seconds": 60 });
    alice.post(&format!("{path}/tokens"), &nothing).await.expect_problem(400, "stream.invalid");
}

/// What began with a token ends with it.
#[db_test(clock = "manual")]
async fn an_expired_token_ends_what_it_began(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let path = channel(&app.alice.client).await;
    let token = token(&app.alice.client, &path, json!({ "grants": ["publish"], "seconds": 60 })).await;
    let publisher = app.anonymous().bearer(&token);
    assert_eq!(publish(&publisher, &path).await.status, 201);
    t.clock.advance(chrono::TimeDelta::seconds(61));
    assert!(silent(&app, &path).await);
    publish(&publisher, &path).await.expect_problem(401, "stream.token.expired");
}

/// A session goes on with the token that was shown last.
#[db_test(clock = "manual")]
async fn a_new_token_takes_the_place_of_the_old(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let path = channel(&app.alice.client).await;
    let short = token(&app.alice.client, &path, json!({ "grants": ["publish"], "seconds": 60 })).await;
    let long = token(&app.alice.client, &path, json!({ "grants": ["publish"], "seconds": 180 })).await;
    let started = publish(&app.anonymous().bearer(&short), &path).await;
    let session = started.header("location").unwrap();
    let publisher = app.anonymous().bearer(&long);
    assert_eq!(publisher.get(session).await.status, 204);
    t.clock.advance(chrono::TimeDelta::seconds(61));
    // Two looks at what was watched before.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(publisher.get(session).await.status, 204);
    t.clock.advance(chrono::TimeDelta::seconds(120));
    assert!(silent(&app, &path).await);
}

/// The sessions of a channel that go on, by what they were begun with.
async fn going_on(app: &App, channel: &str) -> Vec<String> {
    let now = app.alice.client.get(&format!("{channel}/sessions")).await.expect(200);
    now["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Ending a channel's tokens ends who goes on with one, whatever they began with, and nobody else.
#[db_test]
async fn the_token_that_was_shown_last_is_the_one_that_counts(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let path = channel(alice).await;
    assert_eq!(publish(alice, &path).await.status, 201);
    let body = json!({ "grants": ["watch"], "seconds": 60 });
    let holder = app.anonymous().bearer(&token(alice, &path, body.clone()).await);
    let (became_member, became_holder) = (watch(&holder, &path).await, watch(alice, &path).await);
    assert_eq!(alice.get(became_member.header("location").unwrap()).await.status, 204);
    assert_eq!(holder.get(became_holder.header("location").unwrap()).await.status, 204);
    let before = going_on(&app, &path).await;
    assert_eq!(before.len(), 3);
    // Twice, so that whoever is cut by the first has gone.
    for left in [2, 2] {
        assert_eq!(alice.delete(&format!("{path}/tokens")).await.status, 204);
        let mut now = going_on(&app, &path).await;
        for _ in 0..1_000 {
            if now.len() == left {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            now = going_on(&app, &path).await;
        }
        assert_eq!(now.len(), left);
        let holder = app.anonymous().bearer(&token(alice, &path, body.clone()).await);
        assert_eq!(watch(&holder, &path).await.status, 201);
    }
    let there = alice.get(became_member.header("location").unwrap()).await;
    assert_eq!(there.status, 204, "a member needs no token");
    assert_eq!(alice.get(became_holder.header("location").unwrap()).await.status, 404);
}

/// A member's session that ends, ends what it began.
#[db_test]
async fn who_signs_out_is_cut(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let path = channel(&app.alice.client).await;
    let (bob, session) = app.join("bob@example.org", "admin").await;
    assert_eq!(publish(&bob, &path).await.status, 201);
    let id = session["session_id"].as_str().unwrap();
    assert_eq!(bob.delete(&format!("/v1/tenant/sessions/{id}")).await.status, 204);
    assert!(silent(&app, &path).await);
}

/// Who is suspended is cut, with a token of the channel as well.
#[db_test]
async fn a_suspended_organisation_is_cut(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let path = channel(&app.alice.client).await;
    let token = token(&app.alice.client, &path, json!({ "grants": ["publish"], "seconds": 600 })).await;
    let publisher = app.anonymous().bearer(&token);
    assert_eq!(publish(&publisher, &path).await.status, 201);
    let tenants = &app.platform.tenants;
    tenants.transition(&app.alice.slug, Transition::Suspend, Some("unpaid")).await.unwrap();
    let open = "SELECT count(*) FROM stream.sessions WHERE ended_at IS NULL";
    for _ in 0..1_000 {
        if t.database.superuser().count(open) == 0 {
            assert_eq!(publish(&publisher, &path).await.status, 403);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("media goes on");
}

/// Members watch; they do not publish or manage unless their role says so.
#[db_test]
async fn roles_decide(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let path = channel(&app.alice.client).await;
    let (member, _) = app.join("bob@example.org", "member").await;
    publish(&member, &path).await.expect_problem(403, "core.permission.missing");
    watch(&member, &path).await.expect_problem(409, "stream.channel.not_live");
    let new = json!({ "name": "two" });
    member.post("/v1/stream/channels", &new).await.expect_problem(403, "core.permission.missing");
    let grants = json!({ "grants": ["watch"], "seconds": 60 });
    member.post(&format!("{path}/tokens"), &grants).await.expect_problem(403, "core.permission.missing");
    assert_eq!(member.get(&path).await.status, 200);
}

#[db_test]
async fn servers_for_turn_are_told(t: DbTest) {
    let servers = |config: &mut veza::Config| {
        let urls = ["stun:s.example:3478", "turns:t.example:5349"];
        config.stream.ice_servers = urls.map(str::to_owned).to_vec();
        config.stream.turn_username = Some("u".to_owned());
        config.stream.turn_password = Some(veza::core::config::Secret::new("p"));
    };
    let app = AppBuilder::new(&t.database).configure(servers).start().await;
    let path = channel(&app.alice.client).await;
    let started = publish(&app.alice.client, &path).await;
    let links: Vec<&str> =
        started.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value.as_str()).collect();
    assert_eq!(
        links,
        [
            "<stun:s.example:3478>; rel=\"ice-server\"",
            "<turns:t.example:5349>; rel=\"ice-server\"; username=\"u\"; credential=\"p\"; credential-type=\"password\"",
        ]
    );
}
