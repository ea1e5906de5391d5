//! Bad input is a defined problem, and changes nothing.

use serde_json::json;
use veza_testing::{App, AppBuilder, Client, TenantTest, tenant_test};

const ROLES: &str = "/v1/tenant/roles";

async fn send(client: &Client, body: impl Into<Vec<u8>>) -> veza_testing::Reply {
    client.with("content-type", "application/json").send("POST", ROLES, Some(body.into())).await
}

async fn roles(app: &App) -> usize {
    app.alice.client.get(ROLES).await.expect(200)["items"].as_array().unwrap().len()
}

#[tenant_test]
async fn bodies(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    for malformed in ["", "{", "nonsense", "{\"name\":}", "{\"name\":\"a\"", "\u{feff}{}", "{\"a\":1}}"] {
        let reply = send(alice, malformed).await;
        assert_eq!(reply.status, 400, "{malformed:?}: {}", reply.text);
        assert!(
            reply.json()["code"].as_str().unwrap().starts_with("web.json."),
            "{malformed:?}: {}",
            reply.text
        );
    }
    for (wrong, field) in [
        (json!([]), ""),
        (json!({}), "/name"),
        (json!({ "name": 7, "permissions": [] }), "/name"),
        (json!({ "name": null, "permissions": [] }), "/name"),
        (json!({ "name": "a", "permissions": "b" }), "/permissions"),
        (json!({ "name": "a", "permissions": [1] }), "/permissions/0"),
        (json!({ "name": "a", "permissions": [], "tenant_id": app.mallory.tenant }), "/tenant_id"),
        (json!({ "name": "a", "permissions": [], "builtin": true }), "/builtin"),
    ] {
        let problem = send(alice, wrong.to_string()).await.expect_problem(400, "web.json.invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{wrong}: {problem}");
    }
    let huge = format!("{{\"name\":\"{}\",\"permissions\":[]}}", "a".repeat(2_000_000));
    send(alice, huge).await.expect_problem(413, "web.body.too_large");
    let deep = "[".repeat(100_000);
    assert_eq!(send(alice, deep).await.status, 400);
    let text = alice.with("content-type", "text/plain").send("POST", ROLES, Some(b"{}".to_vec())).await;
    text.expect_problem(415, "web.body.unsupported_media_type");
    let binary = send(alice, vec![0xff, 0xfe, 0x00, 0x7b]).await;
    assert_eq!(binary.status, 400);
    assert_eq!(roles(&app).await, 3, "nothing was made");
}

#[tenant_test]
async fn names(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    for name in ["", "A", "1a", "a b", "rôle", "а", "a\u{0}", "a\u{202e}b", &"a".repeat(64), "owner\n"] {
        let body = json!({ "name": name, "permissions": [] });
        let problem = app.alice.client.post(ROLES, &body).await.expect_problem(400, "tenant.invalid");
        assert_eq!(problem["errors"][0]["field"], "/name", "{name:?}");
    }
    for slug in ["аcme", "Acme", "acme-", "ac", "xn--acme", "admin", "a_b", "acme.evil", "acme\u{200b}"] {
        let body = json!({ "name": "x", "slug": slug,
            "owner": { "name": "x", "email": "x@example.org", "password": "long enough password" } });
        let reply = app.anonymous().post("/v1/tenant/organizations", &body).await;
        assert_eq!(reply.expect_problem(400, "tenant.invalid")["errors"][0]["field"], "/slug", "{slug:?}");
    }
    let all_wrong =
        json!({ "name": " ", "slug": "A", "owner": { "name": "", "email": "x", "password": "short" } });
    let reply = app.anonymous().post("/v1/tenant/organizations", &all_wrong).await;
    let problem = reply.expect_problem(400, "tenant.invalid");
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["/name", "/slug", "/owner/name", "/owner/password", "/owner/email"]);
}

#[tenant_test]
async fn queries_and_paths(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    for query in
        ["limit=0", "limit=201", "limit=-1", "limit=x", "cursor=%25%25", "cursor=bm9uc2Vuc2U", "cursor="]
    {
        let reply = alice.get(&format!("{ROLES}?{query}")).await;
        reply.expect_problem(400, "core.page.invalid");
    }
    for query in ["offset=3", "limit=1&limit=2", "tenant_id=x"] {
        alice.get(&format!("{ROLES}?{query}")).await.expect_problem(400, "web.query.invalid");
    }
    let unknown =
        alice.get(&format!("{ROLES}/{}", app.mallory.tenant)).await.expect_problem(404, "tenant.not_found");
    for path in ["x", "0", "%00", "%2e%2e", "00000000-0000-0000-0000-00000000000g"] {
        let mut problem = alice.get(&format!("{ROLES}/{path}")).await.expect_problem(404, "tenant.not_found");
        problem["instance"] = unknown["instance"].clone();
        assert_eq!(problem, unknown, "{path}");
    }
    alice.get("/v1/no/such/route").await.expect_problem(404, "web.route.not_found");
    let method = alice.send("PUT", "/v1/tenant/organization", None).await;
    method.expect_problem(405, "web.method.not_allowed");
    assert!(method.header("allow").unwrap().contains("PATCH"));
    for tag in ["v1", "\"v1", "W/", "1,2"] {
        let reply = alice.with("if-match", tag).delete("/v1/tenant/organization").await;
        assert_eq!(reply.status, 400, "{tag}: {}", reply.text);
    }
    alice.get("/v1/tenant/organization").await.expect(200);
}
