//! Roles: made from what their maker has.

use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TenantTest, db_test, tenant_test};

const ROLES: &str = "/v1/tenant/roles";

#[tenant_test]
async fn a_role_is_made_changed_and_removed(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let body = json!({ "name": "support", "permissions": ["tenant.members.read", "shop.orders.refund"] });
    let created = alice.post(ROLES, &body).await;
    let role = created.expect(201);
    let path = created.header("location").unwrap().to_owned();
    alice.post(ROLES, &body).await.expect_problem(409, "tenant.role.name_taken");
    let changed = json!({ "name": "helpdesk", "permissions": [] });
    let reply = alice.with("if-match", created.header("etag").unwrap()).put(&path, &changed).await;
    assert_eq!(reply.expect(200)["version"], role["version"].as_i64().unwrap() + 1);
    alice
        .post("/v1/tenant/invitations", &json!({ "email": "a@example.org", "role": "helpdesk" }))
        .await
        .expect(201);
    alice.delete(&path).await.expect_problem(409, "tenant.role.in_use");
    alice.get(&path).await.expect(200);
}

#[tenant_test]
async fn built_in_roles_stay(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let roles = app.alice.client.get(ROLES).await.expect(200);
    for role in roles["items"].as_array().unwrap() {
        let path = format!("{ROLES}/{}", role["id"].as_str().unwrap());
        app.alice.client.delete(&path).await.expect_problem(409, "tenant.role.builtin");
        let changed = app.alice.client.put(&path, &json!({ "name": "x", "permissions": [] })).await;
        changed.expect_problem(409, "tenant.role.builtin");
    }
}

/// What the migration does that came with rooms and channels.
const GRANTED: &str =
    include_str!("../../migrations/2026-11-23-110000_tenant_grant_rooms_and_channels/up.sql");

#[db_test]
async fn older_organisations_have_the_permissions_of_new_ones(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let own = json!({ "name": "support", "permissions": ["tenant.members.read"] });
    alice.post(ROLES, &own).await.expect(201);
    let permissions = |roles: &serde_json::Value| -> Vec<(String, serde_json::Value)> {
        let items = roles["items"].as_array().unwrap().iter();
        items.map(|role| (role["name"].as_str().unwrap().to_owned(), role["permissions"].clone())).collect()
    };
    let new = permissions(&alice.get(ROLES).await.expect(200));
    let mut superuser = t.database.superuser();
    // As they were made before there were rooms, and before there were channels.
    for nouns in ["^stream[.]", "^(stream|chat)[.]"] {
        superuser.execute(&format!(
            "UPDATE tenant.roles SET permissions = ARRAY(SELECT p FROM unnest(permissions) WITH ORDINALITY AS u (p, n)
             WHERE p !~ '{nouns}' ORDER BY n)"
        ));
        assert_ne!(permissions(&alice.get(ROLES).await.expect(200)), new);
        superuser.execute(GRANTED);
        let roles = alice.get(ROLES).await.expect(200);
        assert_eq!(permissions(&roles), new, "without {nouns}");
        superuser.execute(GRANTED);
        assert_eq!(alice.get(ROLES).await.expect(200), roles, "once");
    }
    let forced = "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'tenant.roles'::regclass";
    assert_eq!(superuser.text(forced).as_deref(), Some("true"), "the boundary stands as before");
}

#[tenant_test]
async fn a_key_cannot_make_a_role_with_more_than_it_has(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let body = json!({ "name": "roles", "scopes": ["tenant.roles.manage", "tenant.roles.read"] });
    let key = app.alice.client.post("/v1/tenant/api-keys", &body).await.expect(201);
    let robot = app.anonymous().bearer(key["secret"].as_str().unwrap());
    let own = json!({ "name": "reader", "permissions": ["tenant.roles.read"] });
    robot.post(ROLES, &own).await.expect(201);
    for more in ["*", "tenant.members.invite"] {
        let body = json!({ "name": "more", "permissions": [more] });
        robot.post(ROLES, &body).await.expect_problem(403, "tenant.role.exceeds_own");
    }
    for bad in ["", "x", "A.b", "a..b", "a.b c", "*.*"] {
        let body = json!({ "name": "bad", "permissions": [bad] });
        robot.post(ROLES, &body).await.expect_problem(400, "tenant.invalid");
    }
}

#[tenant_test]
async fn lists_come_in_pages(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    for number in 0..5 {
        let body = json!({ "name": format!("role-{number}"), "permissions": [] });
        app.alice.client.post(ROLES, &body).await.expect(201);
    }
    let (mut path, mut names) = (format!("{ROLES}?limit=3"), Vec::new());
    loop {
        let reply = app.alice.client.get(&path).await;
        let page = reply.expect(200);
        names.extend(page["items"].as_array().unwrap().iter().map(|role| role["name"].to_string()));
        let Some(link) = reply.header("link") else {
            assert!(page["next_cursor"].is_null());
            break;
        };
        path = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 8, "{names:?}");
}
