//! Organisations over HTTP.

use serde_json::json;
use veza_testing::{App, AppBuilder, DbTest, TenantTest, db_test, tenant_test};

const ORGANIZATIONS: &str = "/v1/tenant/organizations";

fn new(slug: &str, email: &str) -> serde_json::Value {
    json!({ "name": "Acme", "slug": slug,
            "owner": { "name": "Ann", "email": email, "password": "correct horse battery" } })
}

#[db_test]
async fn one_call_makes_everything_an_organisation_needs(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let created = app.anonymous().post(ORGANIZATIONS, &new("acme", "ann@example.org")).await;
    let body = created.expect(201);
    assert_eq!(created.header("location"), Some("/v1/tenant/organization"));
    assert_eq!(body["organization"]["state"], "active");
    let sign_in = json!({ "email": "Ann@Example.org", "password": "correct horse battery" });
    let session = app.anonymous().post("/v1/tenant/sessions", &sign_in).await.expect(201);
    assert_eq!(session["organization_id"], body["organization"]["id"]);
    assert_eq!(session["scope"], "*");
    let ann = app.anonymous().bearer(session["access_token"].as_str().unwrap());
    let roles = ann.get("/v1/tenant/roles").await.expect(200);
    let mut names: Vec<_> = roles["items"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["admin", "member", "owner"]);
    let members = ann.get("/v1/tenant/members").await.expect(200);
    assert_eq!(members["items"][0]["role"], "owner");
}

#[db_test]
async fn a_failed_creation_leaves_nothing(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let people = "SELECT count(*) FROM tenant.people";
    let before = t.database.superuser().count(people);
    let taken = new(&app.alice.slug, "new@example.org");
    app.anonymous().post(ORGANIZATIONS, &taken).await.expect_problem(409, "tenant.organization.slug_taken");
    assert_eq!(t.database.superuser().count(people), before);
    let known = new("another", &app.alice.email);
    app.anonymous().post(ORGANIZATIONS, &known).await.expect_problem(409, "tenant.person.email_taken");
}

#[db_test]
async fn a_person_may_own_two_with_their_one_password(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let mut second = new("second", &app.alice.email);
    second["owner"]["password"] = json!(app.alice.password);
    app.anonymous().post(ORGANIZATIONS, &second).await.expect(201);
    let mut sign_in = json!({ "email": app.alice.email, "password": app.alice.password });
    let refused = app.anonymous().post("/v1/tenant/sessions", &sign_in).await;
    let problem = refused.expect_problem(400, "tenant.sign_in.organization_required");
    assert!(problem["errors"][0]["rule"].as_str().unwrap().contains("second"), "{problem}");
    sign_in["organization"] = json!("second");
    app.anonymous().post("/v1/tenant/sessions", &sign_in).await.expect(201);
    let hinted = app.anonymous().with("x-tenant-id", app.alice.tenant.to_string());
    sign_in.as_object_mut().unwrap().remove("organization");
    let session = hinted.post("/v1/tenant/sessions", &sign_in).await.expect(201);
    assert_eq!(session["organization_id"], json!(app.alice.tenant));
}

#[db_test]
async fn closed_sign_up_takes_the_first_run_token_once(t: DbTest) {
    // The harness makes two organisations, so it is no first run any more.
    let app = AppBuilder::new(&t.database).configure(|c| c.tenant.open_signup = false).start().await;
    let body = new("acme", "ann@example.org");
    app.anonymous().post(ORGANIZATIONS, &body).await.expect_problem(403, "tenant.signup.closed");
    let token = app.platform.tenants.first_run_token();
    let first = app.anonymous().bearer(&token);
    first.post(ORGANIZATIONS, &body).await.expect_problem(403, "tenant.signup.closed");
    let wrong = app.anonymous().bearer("vzs_AAAA");
    wrong.post(ORGANIZATIONS, &body).await.expect_problem(403, "tenant.signup.closed");
    assert!(!app.platform.tenants.is_first_run().await.unwrap());
}

#[tenant_test]
async fn changes_need_the_version_that_was_read(t: TenantTest) {
    let app: App = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let read = alice.get("/v1/tenant/organization").await;
    let etag = read.header("etag").unwrap().to_owned();
    assert_eq!(alice.with("if-none-match", &etag).get("/v1/tenant/organization").await.status, 304);
    let change = json!({ "name": "Alice & Co", "metadata": { "plan": "gold" } });
    let changed = alice.with("if-match", &etag).patch("/v1/tenant/organization", &change).await;
    let body = changed.expect(200);
    assert_eq!((&body["name"], &body["metadata"]["plan"]), (&json!("Alice & Co"), &json!("gold")));
    let again = alice.with("if-match", &etag).patch("/v1/tenant/organization", &change).await;
    again.expect_problem(412, "tenant.version_mismatch");
    let change = json!({ "settings": { "a": 1 } });
    let body = alice.with("if-match", "*").patch("/v1/tenant/organization", &change).await.expect(200);
    assert_eq!(body["metadata"]["plan"], "gold", "what is absent stays");
    let bad = json!({ "metadata": [1] });
    let problem = alice.patch("/v1/tenant/organization", &bad).await.expect_problem(400, "tenant.invalid");
    assert_eq!(problem["errors"][0]["field"], "/metadata");
}
