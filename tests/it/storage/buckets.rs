//! Buckets as things: made, listed, changed, deleted.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, path, stored};

#[tenant_test]
async fn a_bucket_is_made_changed_by_version_and_deleted_when_it_is_empty(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    let made = files(alice, json!({ "max_object_bytes": 4 })).await;
    assert_eq!(made["encryption"], true);
    let again = alice.post(BUCKETS, &json!({ "name": "files" })).await;
    again.expect_problem(409, "storage.bucket.exists");
    let listed = alice.get(BUCKETS).await.expect(200);
    assert_eq!(listed["items"], json!([made]));
    let this = format!("{BUCKETS}/files");
    let found = alice.get(&this).await;
    assert_eq!(found.header("etag"), Some("\"v1\""));
    let first = alice.with("if-match", "\"v1\"");
    let wider = json!({ "max_object_bytes": null });
    assert_eq!(first.patch(&this, &wider).await.expect(200).get("max_object_bytes"), None);
    first.patch(&this, &wider).await.expect_problem(412, "storage.version_mismatch");
    stored(alice, "a", "more than four").await;
    alice.delete(&this).await.expect_problem(409, "storage.bucket.not_empty");
    alice.delete(&path("a")).await.expect(204);
    alice.delete(&this).await.expect(204);
    alice.get(&this).await.expect_problem(404, "storage.not_found");
}

#[tenant_test]
async fn a_bucket_is_made_once(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let once = app.alice.client.with("idempotency-key", "the-first");
    let first = once.post(BUCKETS, &json!({ "name": "files" })).await;
    let again = once.post(BUCKETS, &json!({ "name": "files" })).await;
    assert_eq!(first.expect(201), again.expect(201));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}
