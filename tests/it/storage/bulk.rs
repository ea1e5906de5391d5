//! Many deletions in one request.

use serde_json::{Value, json};
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, path, stored, usage};

#[tenant_test]
async fn each_key_has_an_outcome(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({ "versioning": true })).await;
    for key in ["a", "b", "c"] {
        stored(alice, key, key).await;
    }
    let version = stored(alice, "a", "new").await["version_id"].clone();
    let doomed = json!({ "objects": [
        { "key": "a", "version_id": version },
        { "key": "b" },
        { "key": "c", "etag": "other" },
        { "key": "absent" },
        { "key": "../x" },
        { "key": "c", "etag": "x", "version_id": version },
    ] });
    let route = format!("{BUCKETS}/files/objects/delete");
    let outcomes = alice.post(&route, &doomed).await.expect(200)["outcomes"].take();
    let codes: Vec<&Value> = outcomes.as_array().unwrap().iter().map(|outcome| &outcome["code"]).collect();
    let expected = json!([
        null,
        null,
        "storage.object.precondition_failed",
        "storage.not_found",
        "storage.input.invalid",
        "storage.input.invalid"
    ]);
    assert_eq!(json!(codes), expected);
    assert_eq!(alice.get(&path("c")).await.text, "c");
    assert_eq!(alice.get(&path("b")).await.status, 404);
    assert_eq!(usage(alice).await, (3, 0), "the first version of a, b as a version, and c");
    let many: Vec<Value> = (0..1_001).map(|index| json!({ "key": index.to_string() })).collect();
    let refused = alice.post(&route, &json!({ "objects": many })).await;
    refused.expect_problem(400, "storage.input.invalid");
}
