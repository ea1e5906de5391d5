//! What attackers tried and once got through with; each stays closed.

use std::time::Duration;

use serde_json::json;
use veza::core::db::Role;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

/// A member about to be removed holds the locks that the removal needs, and refreshes meanwhile: no
/// token that was issued before the removal took hold may outlive it.
#[db_test]
async fn who_is_removed_keeps_no_token_from_the_last_moment(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    for round in 0..3 {
        let (admin, mut session) = app.join(&format!("admin-{round}@example.org"), "admin").await;
        let busy: Vec<_> = (0..12)
            .map(|number| {
                let admin = admin.clone();
                tokio::spawn(async move {
                    let change = json!({ "metadata": { "number": number } });
                    admin.patch("/v1/tenant/organization", &change).await
                })
            })
            .collect();
        let path = format!("/v1/tenant/members/{}", session["person_id"].as_str().unwrap());
        let alice = app.alice.client.clone();
        let removal = tokio::spawn(async move { alice.delete(&path).await.status });
        let mut tokens = vec![session["access_token"].as_str().unwrap().to_owned()];
        loop {
            let refresh = json!({ "refresh_token": session["refresh_token"] });
            let reply = app.anonymous().post("/v1/tenant/sessions/refresh", &refresh).await;
            if reply.status != 201 {
                break;
            }
            session = reply.json();
            tokens.push(session["access_token"].as_str().unwrap().to_owned());
        }
        assert_eq!(removal.await.unwrap(), 204);
        for request in busy {
            request.await.unwrap();
        }
        // Longer than a look at the revocations takes, which once moved the mark back.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        for token in &tokens {
            let reply = app.anonymous().bearer(token).get("/v1/tenant/me").await;
            reply.expect_problem(401, "tenant.token.invalid");
        }
    }
}

/// A sign-in with the old password that waits while the password changes begins no session.
#[db_test]
async fn an_old_password_signs_nobody_in_after_its_change(t: DbTest) {
    let slow = |config: &mut veza::Config| {
        config.tenant.password_threads = 1;
        config.tenant.password_memory_kib = 8 * 1024;
    };
    let app = AppBuilder::new(&t.database).configure(slow).start().await;
    let old = json!({ "email": app.alice.email, "password": app.alice.password });
    let change = json!({ "current_password": app.alice.password, "new_password": "a new password" });
    let alice = app.alice.client.clone();
    let changed = tokio::spawn(async move { alice.put("/v1/tenant/me/password", &change).await.status });
    let sign_ins: Vec<_> = (0..20)
        .map(|number| {
            let (client, old) = (app.anonymous(), old.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(number * 4)).await;
                client.post("/v1/tenant/sessions", &old).await.status
            })
        })
        .collect();
    assert_eq!(changed.await.unwrap(), 204);
    for sign_in in sign_ins {
        sign_in.await.unwrap();
    }
    let live = format!(
        "SELECT count(*) FROM tenant.sessions WHERE revoked_at IS NULL AND tenant_id = '{}'",
        app.alice.tenant
    );
    assert_eq!(t.database.superuser().count(&live), 1, "the one that changed it");
}

#[tenant_test]
async fn nul_is_refused_wherever_text_is_kept(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    for value in [json!({ "a": "b\u{0}" }), json!({ "a\u{0}": 1 }), json!({ "a": [{ "b": "\u{0}" }] })] {
        let reply = alice.patch("/v1/tenant/organization", &json!({ "metadata": value })).await;
        reply.expect_problem(400, "tenant.invalid");
        let reply = alice.patch("/v1/tenant/organization", &json!({ "settings": value })).await;
        reply.expect_problem(400, "tenant.invalid");
    }
    let invitation = json!({ "email": "bob@example.org", "role": "a\u{0}" });
    alice.post("/v1/tenant/invitations", &invitation).await.expect_problem(400, "tenant.invalid");
    let path = format!("/v1/tenant/members/{}", app.alice.session["person_id"].as_str().unwrap());
    alice.patch(&path, &json!({ "role": "a\u{0}" })).await.expect_problem(400, "tenant.invalid");
    for body in [
        json!({ "email": "a\u{0}@example.org", "password": "x" }),
        json!({ "email": "a@example.org", "password": "\u{0}" }),
        json!({ "email": "a@example.org", "password": "x", "organization": "\u{0}" }),
    ] {
        let reply = app.anonymous().post("/v1/tenant/sessions", &body).await;
        assert!([400, 401].contains(&reply.status), "{body}: {}", reply.text);
    }
}

#[tenant_test]
async fn garbage_from_one_address_locks_nobody_out(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    for _ in 0..400 {
        app.anonymous()
            .bearer("garbage")
            .get("/v1/tenant/me")
            .await
            .expect_problem(401, "tenant.token.invalid");
    }
    app.alice.client.get("/v1/tenant/me").await.expect(200);
}

#[tenant_test]
async fn a_list_is_no_object_and_a_strange_client_is_a_client(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let list = json!([app.alice.email, app.alice.password]);
    let refused = app.anonymous().post("/v1/tenant/sessions", &list).await;
    refused.expect_problem(400, "web.json.invalid");
    let nothing = app.alice.client.patch("/v1/tenant/organization", &json!([null, null, null])).await;
    nothing.expect_problem(400, "web.json.invalid");
    app.alice.client.with("user-agent", "Gerät/1.0").get("/v1/tenant/me").await.expect(200);
}

#[db_test]
async fn nothing_outlives_the_rights_it_was_made_with(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (admin, session) = app.join("admin@example.org", "admin").await;
    let key = json!({ "name": "k", "scopes": ["tenant.api_keys.manage", "tenant.members.read"] });
    let key = admin.post("/v1/tenant/api-keys", &key).await.expect(201);
    let robot = app.anonymous().bearer(key["secret"].as_str().unwrap());
    let child = json!({ "name": "child", "scopes": [] });
    robot.post("/v1/tenant/api-keys", &child).await.expect_problem(403, "tenant.person.required");
    // A key of somebody with more rights is not the admin's to revoke.
    let all = json!({ "name": "all", "scopes": ["*"] });
    let all = app.alice.client.post("/v1/tenant/api-keys", &all).await.expect(201);
    let path = format!("/v1/tenant/api-keys/{}", all["id"].as_str().unwrap());
    admin.delete(&path).await.expect_problem(403, "tenant.role.exceeds_own");
    robot.delete(&path).await.expect_problem(403, "tenant.role.exceeds_own");
    // What a member offered goes with them.
    let offered =
        admin.post("/v1/tenant/invitations", &json!({ "email": "eve@example.org" })).await.expect(201);
    let member = format!("/v1/tenant/members/{}", session["person_id"].as_str().unwrap());
    assert_eq!(app.alice.client.delete(&member).await.status, 204);
    let path = format!("/v1/tenant/invitations/{}", offered["id"].as_str().unwrap());
    assert!(app.alice.client.get(&path).await.expect(200)["revoked_at"].is_string());
}

#[db_test]
async fn a_role_that_invitations_had_can_go(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let role = alice.post("/v1/tenant/roles", &json!({ "name": "guest", "permissions": [] })).await;
    let path = role.header("location").unwrap().to_owned();
    let body = json!({ "email": "bob@example.org", "role": "guest" });
    let invitation = alice.post("/v1/tenant/invitations", &body).await.expect(201);
    alice.delete(&path).await.expect_problem(409, "tenant.role.in_use");
    let this = format!("/v1/tenant/invitations/{}", invitation["id"].as_str().unwrap());
    assert_eq!(alice.delete(&this).await.status, 204);
    assert_eq!(alice.delete(&path).await.status, 204);
    assert_eq!(alice.get(&this).await.expect(200)["role"], "guest", "it keeps the name");
}

/// What the serving role may change is what the code changes, and no more.
#[db_test]
async fn the_serving_role_cannot_rewrite_what_it_never_writes(t: DbTest) {
    use diesel::connection::SimpleConnection;
    let app = AppBuilder::new(&t.database).start().await;
    let mut connection = t.database.connect(Role::App);
    let begin = format!("BEGIN; SET LOCAL veza.tenant_id = '{}'", app.alice.tenant);
    for statement in [
        "UPDATE tenant.memberships SET person_id = gen_random_uuid()",
        "UPDATE tenant.memberships SET tenant_id = gen_random_uuid()",
        "UPDATE tenant.api_keys SET scopes = '{*}'",
        "UPDATE tenant.sessions SET expires_at = now()",
        "UPDATE tenant.roles SET builtin = false",
        "UPDATE tenant.invitations SET accepted_at = NULL",
        "UPDATE tenant.organizations SET state = 'active'",
        "UPDATE core.idempotency_keys SET fingerprint = ''",
        "DELETE FROM tenant.sessions",
        "INSERT INTO tenant.people (person_id) VALUES (gen_random_uuid())",
        "SELECT FROM tenant.passwords",
        "SELECT FROM tenant.signing_keys",
        "SELECT FROM tenant.refresh_tokens",
    ] {
        let refused = connection.batch_execute(&format!("{begin}; {statement}")).unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{statement}: {refused}");
        connection.batch_execute("ROLLBACK").unwrap();
    }
}

#[db_test]
async fn a_role_that_passes_the_wall_does_not_serve(t: DbTest) {
    for url in [t.url(Role::System), t.url(Role::Owner), t.database.superuser_url()] {
        let refused = veza::core::db::check_serving_role(&url).unwrap_err().to_string();
        assert!(refused.contains("serving_role"), "{refused}");
    }
    veza::core::db::check_serving_role(&t.url(Role::App)).unwrap();
}
