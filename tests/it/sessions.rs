//! Sessions: refresh tokens are used once, and a stolen one ends everything.

use chrono::TimeDelta;
use serde_json::{Value, json};
use veza_testing::{App, AppBuilder, DbTest, TenantTest, db_test, tenant_test};

const REFRESH: &str = "/v1/tenant/sessions/refresh";

fn token(session: &Value) -> Value {
    json!({ "refresh_token": session["refresh_token"] })
}

async fn works(app: &App, session: &Value) -> bool {
    let client = app.anonymous().bearer(session["access_token"].as_str().unwrap());
    client.get("/v1/tenant/me").await.status == 200
}

#[db_test(clock = "manual")]
async fn a_token_that_comes_back_ends_the_session(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let first = app.alice.session.clone();
    let second = app.anonymous().post(REFRESH, &token(&first)).await.expect(201);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert!(works(&app, &second).await);
    t.clock.advance(TimeDelta::seconds(11));
    let reused = app.anonymous().post(REFRESH, &token(&first)).await;
    reused.expect_problem(401, "tenant.session.token_reused");
    let third = app.anonymous().post(REFRESH, &token(&second)).await;
    third.expect_problem(401, "tenant.token.invalid");
    assert!(!works(&app, &second).await, "the access token ends with its session");
}

#[db_test(clock = "manual")]
async fn a_client_that_lost_the_answer_gets_it_again(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let first = app.alice.session.clone();
    let answer = app.anonymous().post(REFRESH, &token(&first)).await.expect(201);
    t.clock.advance(TimeDelta::seconds(9));
    let again = app.anonymous().post(REFRESH, &token(&first)).await.expect(201);
    assert_eq!(again["refresh_token"], answer["refresh_token"]);
    app.anonymous().post(REFRESH, &token(&answer)).await.expect(201);
    // Its successor was used meanwhile: now it is a replay, however soon.
    let replay = app.anonymous().post(REFRESH, &token(&first)).await;
    replay.expect_problem(401, "tenant.session.token_reused");
}

#[db_test]
async fn of_two_refreshes_at_once_both_get_the_same_successor(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let body = token(&app.alice.session);
    let (left, right) = (app.anonymous(), app.anonymous());
    let (left, right) = tokio::join!(left.post(REFRESH, &body), right.post(REFRESH, &body));
    assert_eq!(left.expect(201)["refresh_token"], right.expect(201)["refresh_token"]);
}

#[db_test(clock = "manual")]
async fn sessions_and_tokens_end_in_time(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let session = app.alice.session.clone();
    t.clock.advance(TimeDelta::minutes(5));
    app.alice.client.get("/v1/tenant/me").await.expect_problem(401, "tenant.token.expired");
    let renewed = app.anonymous().post(REFRESH, &token(&session)).await.expect(201);
    assert!(works(&app, &renewed).await);
    t.clock.advance(TimeDelta::days(31));
    app.anonymous().post(REFRESH, &token(&renewed)).await.expect_problem(401, "tenant.token.invalid");
}

#[tenant_test]
async fn malformed_refresh_tokens_are_refused(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let good = app.alice.session["refresh_token"].as_str().unwrap().to_owned();
    let altered = format!("{}{}", &good[..good.len() - 2], if good.ends_with("AA") { "BB" } else { "AA" });
    for text in ["", "vzr_", "vzr_AAAA", "garbage", &altered, &good[..good.len() - 4], &format!("{good}AAAA")]
    {
        let reply = app.anonymous().post(REFRESH, &json!({ "refresh_token": text })).await;
        reply.expect_problem(401, "tenant.token.invalid");
    }
    app.anonymous().post(REFRESH, &json!({ "refresh_token": good })).await.expect(201);
}

#[tenant_test]
async fn signing_out_ends_one_session_and_only_ones_own(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let id = app.alice.session["session_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/tenant/sessions/{id}");
    app.mallory.client.delete(&path).await.expect_problem(404, "tenant.not_found");
    let list = app.alice.client.get("/v1/tenant/sessions").await.expect(200);
    assert_eq!(list["items"][0]["id"], id.as_str());
    assert_eq!(app.alice.client.delete(&path).await.status, 204);
    app.alice.client.get("/v1/tenant/me").await.expect_problem(401, "tenant.token.invalid");
    let refresh = app.anonymous().post(REFRESH, &token(&app.alice.session)).await;
    refresh.expect_problem(401, "tenant.token.invalid");
}
