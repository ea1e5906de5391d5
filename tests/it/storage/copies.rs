//! Copies and moves.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, path, stored, usage};

#[tenant_test]
async fn an_object_is_copied_and_moved_without_its_bytes(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    alice.post(BUCKETS, &json!({ "name": "other" })).await.expect(201);
    stored(alice, "x", "hello").await;
    let copy = json!({ "from_bucket": "files", "from_key": "x", "key": "copy of/x" });
    let made = alice.post(&format!("{BUCKETS}/other/objects/copy"), &copy).await;
    assert_eq!(made.expect(201)["content_type"], "text/plain");
    assert_eq!(alice.get(made.header("location").unwrap()).await.text, "hello");
    assert_eq!(usage(alice).await, (5, 0), "the bytes are shared");
    let free = alice.with("if-none-match", "*");
    let again = free.post(&format!("{BUCKETS}/other/objects/copy"), &copy).await;
    again.expect_problem(412, "storage.object.precondition_failed");
    let rename = json!({ "from_key": "x", "key": "y" });
    let once = alice.with("idempotency-key", "the-move");
    let moved = once.post(&format!("{BUCKETS}/files/objects/move"), &rename).await.expect(201);
    assert_eq!(once.post(&format!("{BUCKETS}/files/objects/move"), &rename).await.expect(201), moved);
    alice.get(&path("x")).await.expect_problem(404, "storage.not_found");
    assert_eq!(alice.get(&path("y")).await.text, "hello");
    let same = json!({ "from_key": "y", "key": "y" });
    let same = alice.post(&format!("{BUCKETS}/files/objects/move"), &same).await;
    same.expect_problem(400, "storage.input.invalid");
    assert_eq!(alice.get(&path("y")).await.text, "hello");
}

/// The words of routes are keys like others.
#[tenant_test]
async fn no_key_is_hidden_by_a_route(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    for key in ["copy", "move", "delete", "versions", "a/objects/b"] {
        stored(alice, key, key).await;
        assert_eq!(alice.get(&path(key)).await.text, key);
        assert_eq!(alice.send("HEAD", &path(key), None).await.status, 200);
        alice.delete(&path(key)).await.expect(204);
    }
}
