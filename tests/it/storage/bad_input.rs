//! What is refused, and changes nothing.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, path, put, usage};

#[tenant_test]
async fn bad_keys_are_refused(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let long = "x".repeat(1_025);
    for key in [
        "", "..", "%2e%2e", "a/%2E./b", "a%2f..", "a/.", "a%00b", "a%0Ab", "%C2%85", "%ff", "%", "%zz", &long,
    ] {
        for method in ["PUT", "GET", "DELETE"] {
            let reply = alice.send(method, &path(key), None).await;
            let problem = reply.expect_problem(400, "storage.input.invalid");
            assert_eq!(problem["errors"][0]["field"], "key", "{method} {key}");
        }
    }
    for odd in ["%E2%80%AE", "%F0%9F%92%BE", "a%2Fb", "e%CC%81", "%3F%23", &long[1..]] {
        put(alice, odd, "x").await.expect(201);
        assert_eq!(alice.get(&path(odd)).await.text, "x", "{odd}");
    }
    assert_eq!(usage(alice).await, (6, 0));
}

#[tenant_test]
async fn bad_headers_are_refused(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    for (name, value, field) in [
        ("content-type", "no type", "/content_type"),
        ("content-type", "image/png;, text/html", "/content_type"),
        ("content-digest", "sha-256=:AA==:", "content-digest"),
        ("content-md5", "?", "content-md5"),
        ("x-veza-tags", "a=1&a=2", "x-veza-tags"),
        ("x-veza-tags", "a=%ff", "x-veza-tags"),
        ("x-veza-meta-a", "%", "x-veza-meta-a"),
        ("if-match", "abc", "if-match"),
    ] {
        let refused = put(&alice.with(name, value), "x", "hello").await;
        let problem = refused.expect_problem(400, "storage.input.invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{value}");
    }
    assert_eq!(usage(alice).await, (0, 0));
}

#[tenant_test]
async fn bodies_that_are_not_as_promised_leave_nothing(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({ "max_object_bytes": 8, "allowed_types": ["text/plain"] })).await;
    let text = alice.with("content-type", "text/plain");
    for digest in ["sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:", "crc32c=:AAAAAA==:"] {
        let wrong = put(&text.with("repr-digest", digest), "x", "hello").await;
        wrong.expect_problem(400, "storage.body.digest_mismatch");
    }
    let wrong = put(&text.with("content-md5", "XrY7u+Ae7tCTyyK7j1rNww=="), "x", "hello").await;
    wrong.expect_problem(400, "storage.body.digest_mismatch");
    put(&text, "x", "more than 8").await.expect_problem(413, "storage.object.too_large");
    let chunked = text.with("transfer-encoding", "chunked");
    put(&chunked, "x", "more than 8").await.expect_problem(413, "storage.object.too_large");
    let html = put(&alice.with("content-type", "text/html"), "x", "hello").await;
    html.expect_problem(415, "storage.object.type_not_allowed");
    alice.get(&path("x")).await.expect_problem(404, "storage.not_found");
    assert_eq!(usage(alice).await, (0, 0));
    let right =
        text.with("content-md5", "XUFAKrxLKna5cZ2REBfFkg==").with("content-digest", "crc32c=:mnG7TA==:");
    put(&right, "x", "hello").await.expect(201);
}

#[tenant_test]
async fn what_is_too_much_is_refused(t: TenantTest) {
    let app = builder(&t.database).await.configure(|config| config.storage.quota_bytes = Some(10)).start();
    let app = app.await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    put(alice, "x", "hello").await.expect(201);
    put(alice, "y", "world!").await.expect_problem(403, "storage.quota_exceeded");
    let chunked = alice.with("transfer-encoding", "chunked");
    put(&chunked, "y", "world!").await.expect_problem(403, "storage.quota_exceeded");
    put(&chunked, "y", "world").await.expect(201);
    assert_eq!(usage(alice).await, (10, 0));
    let missing = alice.get(&format!("{BUCKETS}/nowhere/objects/x")).await;
    missing.expect_problem(404, "storage.not_found");
}
