//! The same names are other things for another organisation.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, path, put, stored};

#[tenant_test]
async fn nobody_reaches_anothers_files_by_any_name(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    files(alice, json!({ "access": "public_read" })).await;
    let secret = stored(alice, "x", "secret").await;
    let version = secret["version_id"].as_str().unwrap();
    mallory.get(&path("x")).await.expect_problem(404, "storage.not_found");
    put(mallory, "x", "mine").await.expect_problem(404, "storage.not_found");
    files(mallory, json!({})).await;
    for (method, route) in [
        ("GET", path(&format!("x?version={version}"))),
        ("HEAD", path(&format!("x?version={version}"))),
        ("GET", format!("{BUCKETS}/files/versions/{version}")),
        ("DELETE", format!("{BUCKETS}/files/versions/{version}")),
        ("POST", format!("{BUCKETS}/files/versions/{version}/restore")),
    ] {
        assert_eq!(mallory.send(method, &route, None).await.status, 404, "{method} {route}");
    }
    let copy = json!({ "from_key": "x", "from_version": version, "key": "y" });
    let copied = mallory.post(&format!("{BUCKETS}/files/objects/copy"), &copy).await;
    copied.expect_problem(404, "storage.not_found");
    put(mallory, "x", "mine").await.expect(201);
    assert_eq!(alice.get(&path("x")).await.text, "secret");
    assert_eq!(app.anonymous().get(&path("x")).await.status, 401);
}

#[tenant_test]
async fn a_key_without_the_permission_does_nothing(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    stored(alice, "x", "hello").await;
    let reader = crate::pull::robot(&app, &["storage.objects.read"]).await;
    assert_eq!(reader.get(&path("x")).await.text, "hello");
    assert_eq!(put(&reader, "x", "other").await.status, 403);
    assert_eq!(reader.delete(&path("x")).await.status, 403);
    let rename = json!({ "from_key": "x", "key": "y" });
    assert_eq!(reader.post(&format!("{BUCKETS}/files/objects/move"), &rename).await.status, 403);
    assert_eq!(alice.get(&path("x")).await.text, "hello");
}
