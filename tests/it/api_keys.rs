//! API keys: shown once, held to their scopes, revoked at once.

use chrono::TimeDelta;
use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

const KEYS: &str = "/v1/tenant/api-keys";

#[tenant_test]
async fn a_key_does_what_its_scopes_say(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let body = json!({ "name": "reader", "scopes": ["tenant.members.read"] });
    let created = app.alice.client.post(KEYS, &body).await.expect(201);
    let secret = created["secret"].as_str().unwrap();
    assert!(secret.starts_with("vz_live_"), "{secret}");
    let robot = app.anonymous().bearer(secret);
    let members = robot.get("/v1/tenant/members").await.expect(200);
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
    let refused = robot.get("/v1/tenant/roles").await.expect_problem(403, "core.permission.missing");
    assert!(refused["detail"].as_str().unwrap().contains("tenant.roles.read"), "{refused}");
    robot.get("/v1/tenant/sessions").await.expect_problem(403, "tenant.person.required");
    let path = format!("{KEYS}/{}", created["id"].as_str().unwrap());
    let shown = app.alice.client.get(&path).await.expect(200);
    assert!(shown["secret"].is_null() && shown["last_used_at"].is_string(), "{shown}");
    assert_eq!(app.alice.client.delete(&path).await.status, 204);
    robot.get("/v1/tenant/members").await.expect_problem(401, "tenant.token.invalid");
}

#[tenant_test]
async fn only_a_hash_is_kept(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let body = json!({ "name": "kept", "scopes": [] });
    let secret = app.alice.client.post(KEYS, &body).await.expect(201)["secret"].as_str().unwrap().to_owned();
    let dump = t.database.superuser().text("(SELECT string_agg(k::text, ' ') FROM tenant.api_keys AS k)");
    assert!(!dump.unwrap().contains(&secret["vz_live_".len()..secret.len() - 8]));
}

#[tenant_test]
async fn a_key_altered_anywhere_is_refused(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let body = json!({ "name": "k", "scopes": ["*"] });
    let secret = app.alice.client.post(KEYS, &body).await.expect(201)["secret"].as_str().unwrap().to_owned();
    for position in (0..secret.len()).step_by(7) {
        let mut bytes = secret.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(bytes).unwrap();
        let reply = app.anonymous().bearer(&altered).get("/v1/tenant/me").await;
        reply.expect_problem(401, "tenant.token.invalid");
    }
    app.anonymous().bearer(&secret).get("/v1/tenant/me").await.expect(200);
}

#[db_test(clock = "manual")]
async fn a_key_ends_in_time(t: DbTest) {
    let app = AppBuilder::new(&t.database).clock(&t.clock).start().await;
    let past = json!({ "name": "k", "scopes": [], "expires_at": t.clock.now() - TimeDelta::seconds(1) });
    app.alice.client.post(KEYS, &past).await.expect_problem(400, "tenant.invalid");
    let body = json!({ "name": "k", "scopes": ["*"], "expires_at": t.clock.now() + TimeDelta::hours(1) });
    let secret = app.alice.client.post(KEYS, &body).await.expect(201)["secret"].as_str().unwrap().to_owned();
    let robot = app.anonymous().bearer(&secret);
    robot.get("/v1/tenant/me").await.expect(200);
    t.clock.advance(TimeDelta::minutes(61));
    robot.get("/v1/tenant/me").await.expect_problem(401, "tenant.token.invalid");
}

#[tenant_test]
async fn making_keys_is_metered(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    app.alice.client.post(KEYS, &json!({ "name": "k", "scopes": [] })).await.expect(201);
    let query = format!("SELECT count(*) FROM core.usage_events WHERE tenant_id = '{}'", app.alice.tenant);
    assert_eq!(t.database.superuser().count(&query), 1);
}
