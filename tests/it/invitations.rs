//! Invitations: for one address, once, until they expire.

use chrono::TimeDelta;
use serde_json::{Value, json};
use veza_testing::{App, AppBuilder, DbTest, db_test};

const INVITATIONS: &str = "/v1/tenant/invitations";
const ACCEPT: &str = "/v1/tenant/invitations/accept";

async fn invite(app: &App, email: &str) -> (Value, String) {
    let invitation = app.alice.client.post(INVITATIONS, &json!({ "email": email })).await.expect(201);
    (invitation, app.invitation_token(email).await)
}

fn acceptance(token: &str) -> Value {
    json!({ "token": token, "name": "Bob", "password": "bobs long password" })
}

#[db_test]
async fn an_invited_person_joins_once(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (invitation, token) = invite(&app, "bob@example.org").await;
    let session = app.anonymous().post(ACCEPT, &acceptance(&token)).await.expect(201);
    assert_eq!(session["organization_id"], json!(app.alice.tenant));
    assert!(!session["scope"].as_str().unwrap().contains("invite"), "a member may not invite");
    let bob = app.anonymous().bearer(session["access_token"].as_str().unwrap());
    assert_eq!(bob.get("/v1/tenant/members").await.expect(200)["items"].as_array().unwrap().len(), 2);
    bob.get(INVITATIONS).await.expect_problem(403, "core.permission.missing");
    app.anonymous().post(ACCEPT, &acceptance(&token)).await.expect_problem(404, "tenant.invitation.invalid");
    let path = format!("{INVITATIONS}/{}", invitation["id"].as_str().unwrap());
    assert!(app.alice.client.get(&path).await.expect(200)["accepted_at"].is_string());
    let again = app.alice.client.post(INVITATIONS, &json!({ "email": "BOB@example.org" })).await;
    again.expect_problem(409, "tenant.member.exists");
}

#[db_test]
async fn a_known_person_proves_who_they_are(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (_, token) = invite(&app, &app.mallory.email).await;
    let own = json!({ "token": token, "password": app.mallory.password });
    app.anonymous().post(ACCEPT, &own).await.expect(201);
    // The address is proved now: from here on it takes the password.
    let third = app.owner("third").await;
    third.client.post(INVITATIONS, &json!({ "email": app.mallory.email })).await.expect(201);
    let mails = |mails: Vec<veza::tenant::mail::Message>| {
        mails.into_iter().filter(|m| m.to == app.mallory.email).count()
    };
    while mails(app.mails.sent()) < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let token = app.invitation_token(&app.mallory.email).await;
    let mut body = json!({ "token": token, "name": "Eve", "password": "not their password" });
    app.anonymous().post(ACCEPT, &body).await.expect_problem(401, "tenant.sign_in.failed");
    body["password"] = json!(app.mallory.password);
    app.anonymous().post(ACCEPT, &body).await.expect(201);
}

#[db_test]
async fn who_gets_the_mail_gets_the_account(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    // Somebody signed up with an address that is not theirs; nobody proved anything.
    let squatter = json!({ "name": "Squat", "slug": "squat",
        "owner": { "name": "Not the boss", "email": "boss@example.org", "password": "squatters password" } });
    app.anonymous().post("/v1/tenant/organizations", &squatter).await.expect(201);
    let sign_in = json!({ "email": "boss@example.org", "password": "squatters password" });
    let before = app.anonymous().post("/v1/tenant/sessions", &sign_in).await.expect(201);
    let (_, token) = invite(&app, "boss@example.org").await;
    let body = json!({ "token": token, "name": "The boss", "password": "the boss's own password" });
    app.anonymous().post(ACCEPT, &body).await.expect(201);
    app.anonymous().post("/v1/tenant/sessions", &sign_in).await.expect_problem(401, "tenant.sign_in.failed");
    let refresh = json!({ "refresh_token": before["refresh_token"] });
    let refused = app.anonymous().post("/v1/tenant/sessions/refresh", &refresh).await;
    refused.expect_problem(401, "tenant.token.invalid");
}

#[db_test]
async fn one_address_is_invited_so_often_a_day(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let body = json!({ "email": "victim@example.org" });
    for _ in 0..10 {
        let invitation = app.alice.client.post(INVITATIONS, &body).await.expect(201);
        let path = format!("{INVITATIONS}/{}", invitation["id"].as_str().unwrap());
        assert_eq!(app.alice.client.delete(&path).await.status, 204);
    }
    let refused = app.alice.client.post(INVITATIONS, &json!({ "email": "VICTIM@example.org" })).await;
    refused.expect_problem(429, "tenant.invitation.too_many");
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 3_600);
}

#[db_test(clock = "manual")]
async fn altered_expired_and_revoked_links_are_one_answer(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let (revoked, first) = invite(&app, "one@example.org").await;
    let path = format!("{INVITATIONS}/{}", revoked["id"].as_str().unwrap());
    assert_eq!(app.alice.client.delete(&path).await.status, 204);
    assert_eq!(app.alice.client.delete(&path).await.status, 204, "twice is once");
    let (_, second) = invite(&app, "two@example.org").await;
    let (_, third) = invite(&app, "three@example.org").await;
    // The code of one invitation under the id of another.
    let spliced = format!("{}{}", &second[..46], &third[46..]);
    let flipped =
        format!("{}{}", &second[..second.len() - 2], if second.ends_with("AA") { "BB" } else { "AA" });
    for token in [first.as_str(), &spliced, &flipped, "", "vzi_", "vzi_AAAA", "x"] {
        let reply = app.anonymous().post(ACCEPT, &acceptance(token)).await;
        reply.expect_problem(404, "tenant.invitation.invalid");
    }
    t.clock.advance(TimeDelta::days(7));
    let late = app.anonymous().post(ACCEPT, &acceptance(&second)).await;
    late.expect_problem(404, "tenant.invitation.invalid");
}

#[db_test]
async fn a_row_that_was_altered_voids_its_link(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (_, token) = invite(&app, "bob@example.org").await;
    t.database.superuser().execute("UPDATE tenant.invitations SET email_key = 'eve@example.org'");
    app.anonymous().post(ACCEPT, &acceptance(&token)).await.expect_problem(404, "tenant.invitation.invalid");
}

#[db_test(clock = "manual")]
async fn an_open_invitation_stands_until_it_expires(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let body = json!({ "email": "bob@example.org" });
    app.alice.client.post(INVITATIONS, &body).await.expect(201);
    app.alice.client.post(INVITATIONS, &body).await.expect_problem(409, "tenant.invitation.exists");
    t.clock.advance(TimeDelta::days(8));
    let session = json!({ "email": app.alice.email, "password": app.alice.password });
    let session = app.anonymous().post("/v1/tenant/sessions", &session).await.expect(201);
    let alice = app.anonymous().bearer(session["access_token"].as_str().unwrap());
    alice.post(INVITATIONS, &body).await.expect(201);
}

#[db_test]
async fn of_two_acceptances_at_once_one_wins(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (_, token) = invite(&app, "bob@example.org").await;
    let body = acceptance(&token);
    let (left, right) = (app.anonymous(), app.anonymous());
    let (left, right) = tokio::join!(left.post(ACCEPT, &body), right.post(ACCEPT, &body));
    let mut statuses = [left.status, right.status];
    statuses.sort_unstable();
    assert!(statuses == [201, 404] || statuses == [201, 409], "{statuses:?}: {} {}", left.text, right.text);
    assert_eq!(t.database.superuser().count("SELECT count(*) FROM tenant.people WHERE name = 'Bob'"), 1);
}

#[db_test]
async fn a_full_organisation_invites_nobody(t: DbTest) {
    let app = AppBuilder::new(&t.database).configure(|c| c.tenant.max_members = 1).start().await;
    let refused = app.alice.client.post(INVITATIONS, &json!({ "email": "bob@example.org" })).await;
    refused.expect_problem(403, "tenant.member.limit");
}
