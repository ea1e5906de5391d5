//! What keys showed before.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, path, stored};

#[tenant_test]
async fn versions_are_listed_read_restored_and_deleted(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({ "versioning": true })).await;
    let first = stored(alice, "x", "first").await["version_id"].as_str().unwrap().to_owned();
    let second = stored(alice, "x", "second").await["version_id"].as_str().unwrap().to_owned();
    let list = format!("{BUCKETS}/files/versions?key=x");
    let kept = alice.get(&list).await.expect(200);
    assert_eq!(
        (&kept["items"][0]["version_id"], &kept["items"][1]["version_id"]),
        (&json!(second), &json!(first))
    );
    let old = alice.get(&path(&format!("x?version={first}"))).await;
    assert_eq!((old.status, &*old.text), (200, "first"));
    assert_eq!(old.header("cache-control"), Some("private, max-age=31536000, immutable"));
    let this = format!("{BUCKETS}/files/versions/{first}");
    assert_eq!(alice.get(&this).await.expect(200)["size"], 5);
    let restored = alice.send("POST", &format!("{this}/restore"), None).await.expect(200);
    assert_eq!(alice.get(&path("x")).await.text, "first");
    assert_ne!(restored["version_id"], json!(first));
    alice.delete(&this).await.expect(204);
    alice.get(&this).await.expect_problem(404, "storage.not_found");
    alice.get(&path(&format!("x?version={first}"))).await.expect_problem(404, "storage.not_found");
    let deleted = alice.get(&format!("{list}&deleted=true")).await.expect(200);
    assert_eq!(deleted["items"].as_array().unwrap().len(), 3);
    assert_eq!(alice.get(&list).await.expect(200)["items"].as_array().unwrap().len(), 2);
}

#[tenant_test]
async fn what_was_deleted_is_restored(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let version = stored(alice, "x", "hello").await["version_id"].as_str().unwrap().to_owned();
    alice.delete(&path("x")).await.expect(204);
    alice.get(&path("x")).await.expect_problem(404, "storage.not_found");
    let restore = format!("{BUCKETS}/files/versions/{version}/restore");
    alice.send("POST", &restore, None).await.expect(200);
    assert_eq!(alice.get(&path("x")).await.text, "hello");
}
