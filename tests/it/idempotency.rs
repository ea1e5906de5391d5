//! A request that arrives twice creates once.

use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

#[tenant_test]
async fn the_second_request_gets_the_first_ones_answer(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = app.alice.client.with("idempotency-key", "order-1");
    let body = json!({ "name": "support", "permissions": [] });
    let first = alice.post("/v1/tenant/roles", &body).await;
    let second = alice.post("/v1/tenant/roles", &body).await;
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!(
        (first.header("idempotency-replayed"), second.header("idempotency-replayed")),
        (None, Some("true"))
    );
    let other = alice.post("/v1/tenant/roles", &json!({ "name": "other", "permissions": [] })).await;
    other.expect_problem(409, "core.idempotency.key_reused");
    let mallory = app.mallory.client.with("idempotency-key", "order-1");
    assert_ne!(mallory.post("/v1/tenant/roles", &body).await.expect(201)["id"], first.json()["id"]);
    for bad in ["", "a b", &"k".repeat(256)] {
        let reply = app.alice.client.with("idempotency-key", bad).post("/v1/tenant/roles", &body).await;
        reply.expect_problem(400, "core.idempotency.malformed");
    }
}

#[tenant_test]
async fn ten_at_once_create_one(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = app.alice.client.with("idempotency-key", "burst");
    let body = json!({ "name": "burst", "permissions": [] });
    let requests: Vec<_> = (0..10)
        .map(|_| {
            let (alice, body) = (alice.clone(), body.clone());
            tokio::spawn(async move { alice.post("/v1/tenant/roles", &body).await.expect(201)["id"].clone() })
        })
        .collect();
    let mut ids = Vec::new();
    for request in requests {
        ids.push(request.await.unwrap().to_string());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tenant_test]
async fn a_secret_is_not_told_again(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = app.alice.client.with("idempotency-key", "key-1");
    let body = json!({ "name": "k", "scopes": [] });
    let first = alice.post("/v1/tenant/api-keys", &body).await.expect(201);
    let second = alice.post("/v1/tenant/api-keys", &body).await.expect(201);
    assert!(first["secret"].is_string() && second["secret"].is_null());
    assert_eq!(first["id"], second["id"]);
    let kept =
        t.database.superuser().text("(SELECT string_agg(response::text, ' ') FROM core.idempotency_keys)");
    assert!(!kept.unwrap().contains("vz_live_"));
}

#[db_test]
async fn signing_up_twice_is_signing_up_once(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let client = app.anonymous().with("idempotency-key", "signup-1");
    let mut body = json!({ "name": "Acme", "slug": "acme",
        "owner": { "name": "Ann", "email": "ann@example.org", "password": "correct horse battery" } });
    let first = client.post("/v1/tenant/organizations", &body).await;
    let second = client.post("/v1/tenant/organizations", &body).await;
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let mut other = body.clone();
    other["slug"] = json!("other");
    client.post("/v1/tenant/organizations", &other).await.expect_problem(409, "core.idempotency.key_reused");
    other["owner"]["email"] = json!("bea@example.org");
    client.post("/v1/tenant/organizations", &other).await.expect(201);
    body["owner"]["password"] = json!("somebody else's guess");
    client.post("/v1/tenant/organizations", &body).await.expect_problem(409, "tenant.person.email_taken");
}
