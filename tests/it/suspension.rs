//! Suspended and deleted organisations let nobody in, and come back whole.

use serde_json::json;
use veza::tenant::organization::Transition;
use veza_testing::{AppBuilder, DbTest, db_test};

#[db_test]
async fn a_suspended_organisation_lets_nobody_in(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let key = json!({ "name": "k", "scopes": ["*"] });
    let key = app.alice.client.post("/v1/tenant/api-keys", &key).await.expect(201);
    let robot = app.anonymous().bearer(key["secret"].as_str().unwrap());
    robot.get("/v1/tenant/me").await.expect(200);
    let tenants = &app.platform.tenants;
    tenants.transition(&app.alice.slug, Transition::Suspend, Some("unpaid")).await.unwrap();
    let suspended = "tenant.organization.suspended";
    app.alice.client.get("/v1/tenant/me").await.expect_problem(403, suspended);
    robot.get("/v1/tenant/me").await.expect_problem(403, suspended);
    let sign_in = json!({ "email": app.alice.email, "password": app.alice.password });
    app.anonymous().post("/v1/tenant/sessions", &sign_in).await.expect_problem(403, suspended);
    let named =
        json!({ "email": app.alice.email, "password": app.alice.password, "organization": app.alice.slug });
    app.anonymous().post("/v1/tenant/sessions", &named).await.expect_problem(403, suspended);
    let stranger = json!({ "email": app.mallory.email, "password": app.mallory.password, "organization": app.alice.slug });
    app.anonymous().post("/v1/tenant/sessions", &stranger).await.expect_problem(401, "tenant.sign_in.failed");
    let refresh = json!({ "refresh_token": app.alice.session["refresh_token"] });
    app.anonymous().post("/v1/tenant/sessions/refresh", &refresh).await.expect_problem(403, suspended);
    app.mallory.client.get("/v1/tenant/me").await.expect(200);
    tenants.transition(&app.alice.slug, Transition::Resume, None).await.unwrap();
    app.alice.client.get("/v1/tenant/me").await.expect(200);
    app.anonymous().post("/v1/tenant/sessions/refresh", &refresh).await.expect(201);
}

#[db_test]
async fn another_process_learns_of_it_within_seconds(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let other = AppBuilder::new(&t.database).start().await;
    let elsewhere = other
        .anonymous()
        .with("authorization", format!("Bearer {}", app.alice.session["access_token"].as_str().unwrap()));
    // The issuer is the address, and the two apps have different ones.
    elsewhere.get("/v1/tenant/me").await.expect_problem(401, "tenant.token.invalid");
    let key = json!({ "name": "k", "scopes": ["*"] });
    let key = app.alice.client.post("/v1/tenant/api-keys", &key).await.expect(201);
    let robot = other.anonymous().bearer(key["secret"].as_str().unwrap());
    robot.get("/v1/tenant/me").await.expect(200);
    let path = format!("/v1/tenant/api-keys/{}", key["id"].as_str().unwrap());
    assert_eq!(app.alice.client.delete(&path).await.status, 204);
    for _ in 0..50 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        if robot.get("/v1/tenant/me").await.status == 401 {
            return;
        }
    }
    panic!("a revoked key still works in another process after five seconds");
}

#[db_test]
async fn the_owner_marks_it_deleted_and_the_operator_takes_it_back(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let stale = app.alice.client.with("if-match", "\"v77\"").delete("/v1/tenant/organization").await;
    stale.expect_problem(412, "tenant.version_mismatch");
    assert_eq!(app.alice.client.delete("/v1/tenant/organization").await.status, 204);
    app.alice.client.get("/v1/tenant/me").await.expect_problem(403, "tenant.organization.suspended");
    let back = app.platform.tenants.transition(&app.alice.slug, Transition::Resume, None).await.unwrap();
    assert_eq!(back.state, "active");
    app.alice.client.get("/v1/tenant/me").await.expect(200);
}

#[db_test]
async fn nothing_of_a_suspended_organisation_runs(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let tenants = &app.platform.tenants;
    let holds =
        || t.database.superuser().count("SELECT count(*) FROM jobs.holds WHERE held_by = 'suspension'");
    for to in [Transition::Suspend, Transition::Delete] {
        tenants.transition(&app.alice.slug, to, None).await.unwrap();
        tenants.transition(&app.alice.slug, to, None).await.unwrap();
        assert_eq!(holds(), 1, "{to:?}");
    }
    tenants.transition(&app.mallory.slug, Transition::Resume, None).await.unwrap();
    assert_eq!(holds(), 1, "another's resumption is not hers");
    tenants.transition(&app.alice.slug, Transition::Resume, None).await.unwrap();
    assert_eq!(holds(), 0);
    assert_eq!(app.alice.client.delete("/v1/tenant/organization").await.status, 204);
    assert_eq!(holds(), 1, "the owner's own deletion");
}
