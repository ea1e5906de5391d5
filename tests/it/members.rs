//! Members: roles change, people leave, and an owner stays.

use serde_json::{Value, json};
use veza_testing::{AppBuilder, DbTest, db_test};

fn path(session: &Value) -> String {
    format!("/v1/tenant/members/{}", session["person_id"].as_str().unwrap())
}

#[db_test]
async fn a_new_role_takes_hold_with_the_next_token(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (bob, session) = app.join("bob@example.org", "member").await;
    let member = app.alice.client.get(&path(&session)).await;
    let etag = member.header("etag").unwrap().to_owned();
    let change = json!({ "role": "admin" });
    app.alice.client.with("if-match", &etag).patch(&path(&session), &change).await.expect(200);
    let change = json!({ "role": "member" });
    let stale = app.alice.client.with("if-match", &etag).patch(&path(&session), &change).await;
    stale.expect_problem(412, "tenant.version_mismatch");
    bob.get("/v1/tenant/members").await.expect_problem(401, "tenant.token.invalid");
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let renewed = app.anonymous().post("/v1/tenant/sessions/refresh", &refresh).await.expect(201);
    assert!(renewed["scope"].as_str().unwrap().contains("tenant.members.invite"));
    let unknown = app.alice.client.patch(&path(&session), &json!({ "role": "no-such-role" })).await;
    assert_eq!(unknown.expect_problem(400, "tenant.invalid")["errors"][0]["field"], "/role");
}

#[db_test]
async fn who_is_removed_is_out_at_once(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (bob, session) = app.join("bob@example.org", "member").await;
    bob.get("/v1/tenant/members").await.expect(200);
    assert_eq!(app.alice.client.delete(&path(&session)).await.status, 204);
    bob.get("/v1/tenant/members").await.expect_problem(401, "tenant.token.invalid");
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let refused = app.anonymous().post("/v1/tenant/sessions/refresh", &refresh).await;
    refused.expect_problem(401, "tenant.token.invalid");
    app.alice.client.get(&path(&session)).await.expect_problem(404, "tenant.not_found");
}

#[db_test]
async fn the_last_owner_stays(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = path(&app.alice.session);
    app.alice.client.delete(&alice).await.expect_problem(409, "tenant.member.last_owner");
    let demoted = app.alice.client.patch(&alice, &json!({ "role": "member" })).await;
    demoted.expect_problem(409, "tenant.member.last_owner");
    let (bob, session) = app.join("bob@example.org", "owner").await;
    // Two owners who demote each other at once: one of them stays.
    let change = json!({ "role": "member" });
    let bobs = path(&session);
    let (left, right) = tokio::join!(app.alice.client.patch(&bobs, &change), bob.patch(&alice, &change));
    let owners = "SELECT count(*) FROM tenant.memberships m JOIN tenant.roles r USING (tenant_id, role_id)
                  JOIN tenant.organizations o USING (tenant_id)
                  WHERE r.name = 'owner' AND o.name = 'alice'";
    assert_eq!(t.database.superuser().count(owners), 1, "{} {}", left.text, right.text);
}

#[db_test]
async fn nobody_touches_who_has_more_rights(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (admin, _) = app.join("admin@example.org", "admin").await;
    let owner = path(&app.alice.session);
    admin.delete(&owner).await.expect_problem(403, "tenant.role.exceeds_own");
    let demoted = admin.patch(&owner, &json!({ "role": "member" })).await;
    demoted.expect_problem(403, "tenant.role.exceeds_own");
    let body = json!({ "email": "eve@example.org", "role": "owner" });
    admin.post("/v1/tenant/invitations", &body).await.expect_problem(403, "tenant.role.exceeds_own");
}
