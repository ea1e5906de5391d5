//! Objects: stored, read, changed, deleted.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{builder, files, path, put, stored, usage};

#[tenant_test]
async fn what_is_stored_is_read_with_all_that_goes_with_it(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let sender = alice
        .with("content-type", "text/plain; charset=utf-8")
        .with("cache-control", "max-age=60")
        .with("content-language", "fr")
        .with("x-veza-meta-author", "Ren%C3%A9 100%25")
        .with("x-veza-tags", "kind=note&to+do=caf%C3%A9")
        .with("content-digest", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:");
    let made = put(&sender, "a%20b/c.txt", "hello").await;
    let object = made.expect(201);
    assert_eq!((&object["key"], &object["size"]), (&json!("a b/c.txt"), &json!(5)));
    assert_eq!(object["metadata"], json!({ "author": "René 100%" }));
    assert_eq!(object["tags"], json!({ "kind": "note", "to do": "café" }));
    let version = object["version_id"].as_str().unwrap();
    assert_eq!(made.header("location"), Some(&*path(&format!("a%20b/c.txt?version={version}"))));
    let read = alice.get(&path("a%20b/c.txt")).await;
    assert_eq!((read.status, &*read.text), (200, "hello"));
    let etag = format!("\"{}\"", object["etag"].as_str().unwrap());
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "5"),
        ("cache-control", "max-age=60"),
        ("content-language", "fr"),
        ("content-disposition", "inline; filename*=UTF-8''c.txt"),
        ("x-veza-meta-author", "Ren%C3%A9 100%25"),
        ("x-veza-tags", "kind=note&to%20do=caf%C3%A9"),
        ("repr-digest", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("etag", &etag),
    ] {
        assert_eq!(read.header(name), Some(value), "{name}");
    }
    // A cache for several people must not keep what one of them got with a token.
    for shared in ["Public, max-age=60", "max-age=60, s-maxage=9", "must-revalidate"] {
        put(&alice.with("cache-control", shared), "shared", "hello").await.expect(201);
        let read = alice.get(&path("shared")).await;
        let (kept, vary) = (read.header("cache-control"), read.header("vary"));
        assert_eq!((kept, vary), (Some("private, no-cache"), Some("Origin")), "{shared}");
    }
    alice.send("DELETE", &path("shared"), None).await.expect(204);
    let head = alice.send("HEAD", &path("a%20b/c.txt"), None).await;
    assert_eq!((head.status, &*head.text, head.header("content-length")), (200, "", Some("5")));
    assert_eq!(head.header("etag"), Some(&*etag));
    assert_eq!(usage(alice).await, (5, 0));
}

#[tenant_test]
async fn an_empty_object_and_a_large_one_are_objects(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    assert_eq!(put(alice, "empty", "").await.expect(201)["size"], 0);
    let empty = alice.get(&path("empty")).await;
    assert_eq!((empty.status, empty.header("content-length")), (200, Some("0")));
    // More than the gateway takes of JSON.
    let large = "0123456789abcdef".repeat(200_000);
    stored(alice, "large", &large).await;
    assert!(alice.get(&path("large")).await.text == large);
}

#[tenant_test]
async fn what_a_browser_could_run_is_an_attachment(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    for (kind, sent, served) in [
        ("text/html", None, "attachment; filename*=UTF-8''x"),
        ("image/svg+xml", Some("inline; filename=a.svg"), "attachment; filename=a.svg"),
        ("application/javascript", Some("inline"), "attachment"),
        ("image/png", Some("inline"), "inline"),
        ("image/png", Some("attachment; filename=a.png"), "attachment; filename=a.png"),
    ] {
        let mut sender = alice.with("content-type", kind);
        if let Some(sent) = sent {
            sender = sender.with("content-disposition", sent);
        }
        put(&sender, "x", "<script>").await.expect(201);
        let read = alice.get(&path("x")).await;
        assert_eq!(read.header("content-disposition"), Some(served), "{kind}");
        assert_eq!(read.header("content-type"), Some(kind));
        assert!(read.header("content-security-policy").unwrap().contains("sandbox"));
    }
}

#[tenant_test]
async fn attributes_change_and_bytes_stay(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let before = stored(alice, "x", "hello").await;
    let change = json!({ "content_type": "text/csv", "metadata": { "é \u{202e}": "1", "b": "ü" } });
    let after = alice.patch(&path("x"), &change).await.expect(200);
    assert_eq!((&after["etag"], &after["version_id"]), (&before["etag"], &before["version_id"]));
    let read = alice.get(&path("x")).await;
    assert_eq!(read.header("content-type"), Some("text/csv"));
    assert_eq!(read.header("x-veza-meta-b"), Some("%C3%BC"));
    assert_eq!(read.header("x-veza-missing-meta"), Some("1"), "no header has such a name");
    alice.patch(&path("y"), &change).await.expect_problem(404, "storage.not_found");
}

#[tenant_test]
async fn what_is_deleted_is_gone_and_free(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    stored(alice, "x", "hello").await;
    alice.delete(&path("x")).await.expect(204);
    alice.get(&path("x")).await.expect_problem(404, "storage.not_found");
    alice.delete(&path("x")).await.expect_problem(404, "storage.not_found");
    assert_eq!(alice.send("HEAD", &path("x"), None).await.status, 404);
    assert_eq!(usage(alice).await, (0, 0));
}
