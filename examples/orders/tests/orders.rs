//! The shop, with two tenants and a real database.

use orders::packing::{Pack, pack};
use serde_json::json;
use veza::Caller;
use veza::core::db::Role;
use veza_testing::{AppBuilder, TenantTest, assert_tenant_boundary, tenant_test};

const ORDERS: &str = "/v1/shop/orders";

#[tenant_test(migrator = orders::migrator)]
async fn orders_are_taken_and_kept_apart(t: TenantTest) {
    let builder = AppBuilder::new(&t.database).migrator(orders::migrator());
    let app = builder.start_with(orders::route::routes(t.db.clone())).await;
    let created = app.alice.client.post(ORDERS, &json!({ "title": "Tea", "cents": 450 })).await;
    let order = created.expect(201);
    let path = created.header("location").unwrap().to_owned();
    assert_eq!(app.alice.client.get(&path).await.expect(200), order);
    // Nobody works in the background of this test: it does so itself.
    let runtime = app.platform.runtime().handler::<Pack, _>(pack).build().unwrap();
    let alice = Caller::system(app.alice.tenant);
    assert_eq!(runtime.drain(&alice).await.unwrap().attempts, 1);
    assert!(app.alice.client.get(&path).await.expect(200)["packed_at"].is_string());
    app.mallory.client.get(&path).await.expect_problem(404, "shop.order.not_found");
    assert_eq!(app.mallory.client.get(ORDERS).await.expect(200)["items"], json!([]));
    let bad = app.alice.client.post(ORDERS, &json!({ "title": "", "cents": -1 })).await;
    let problem = bad.expect_problem(400, "shop.order.invalid");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    app.anonymous().get(ORDERS).await.expect_problem(401, "tenant.credentials.missing");
}

#[tenant_test(migrator = orders::migrator)]
async fn a_key_without_the_permission_takes_no_orders(t: TenantTest) {
    let builder = AppBuilder::new(&t.database).migrator(orders::migrator());
    let app = builder.start_with(orders::route::routes(t.db.clone())).await;
    let key = json!({ "name": "reader", "scopes": ["shop.orders.read"] });
    let key = app.alice.client.post("/v1/tenant/api-keys", &key).await.expect(201);
    let reader = app.anonymous().bearer(key["secret"].as_str().unwrap());
    reader.get(ORDERS).await.expect(200);
    let refused = reader.post(ORDERS, &json!({ "title": "Tea", "cents": 450 })).await;
    refused.expect_problem(403, "core.permission.missing");
}

#[tenant_test(migrator = orders::migrator)]
async fn the_table_keeps_the_rules_of_the_boundary(t: TenantTest) {
    assert_tenant_boundary(&t.url(Role::Owner), &["shop"], &[]);
}
