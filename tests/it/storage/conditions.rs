//! Reads and writes under conditions.

use serde_json::{Value, json};
use veza_testing::{TenantTest, tenant_test};

use super::{builder, files, path, put, stored};

const FAILED: &str = "storage.object.precondition_failed";

fn etag(object: &Value) -> String {
    format!("\"{}\"", object["etag"].as_str().unwrap())
}

#[tenant_test]
async fn a_write_happens_only_as_the_condition_says(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let free = alice.with("if-none-match", "*");
    let first = put(&free, "x", "first").await.expect(201);
    put(&free, "x", "again").await.expect_problem(412, FAILED);
    let known = alice.with("if-match", etag(&first));
    let second = put(&known, "x", "second").await.expect(201);
    put(&known, "x", "third").await.expect_problem(412, FAILED);
    put(&alice.with("if-match", "*"), "y", "y").await.expect_problem(412, FAILED);
    let weak = alice.with("if-match", format!("W/{}", etag(&second)));
    put(&weak, "x", "third").await.expect_problem(412, FAILED);
    known.delete(&path("x")).await.expect_problem(412, FAILED);
    known.patch(&path("x"), &json!({ "cache_control": "x" })).await.expect_problem(412, FAILED);
    assert_eq!(alice.get(&path("x")).await.text, "second");
    alice.with("if-match", etag(&second)).delete(&path("x")).await.expect(204);
}

#[tenant_test]
async fn who_has_it_is_told_so(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let object = stored(alice, "x", "hello").await;
    let modified = alice.get(&path("x")).await.header("last-modified").unwrap().to_owned();
    let (past, tag) = ("Tue, 14 Nov 2023 22:13:21 GMT", etag(&object));
    for (name, value, status) in [
        ("if-none-match", &*tag, 304),
        ("if-none-match", &*format!("\"a\", W/{tag}"), 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"a\"", 200),
        ("if-modified-since", &*modified, 304),
        ("if-modified-since", past, 200),
        ("if-modified-since", "nonsense", 200),
        ("if-match", &*tag, 200),
        ("if-match", "\"a\"", 412),
        ("if-unmodified-since", &*modified, 200),
        ("if-unmodified-since", past, 412),
    ] {
        let asked = alice.with(name, value);
        let read = asked.get(&path("x")).await;
        assert_eq!(read.status, status, "{name}: {value}");
        assert_eq!(asked.send("HEAD", &path("x"), None).await.status, status, "HEAD {name}: {value}");
        if status == 304 {
            assert_eq!((read.header("etag"), &*read.text), (Some(&*tag), ""));
            assert_eq!(read.header("last-modified"), Some(&*modified));
        }
    }
    let both = alice.with("if-none-match", "\"a\"").with("if-modified-since", &modified);
    assert_eq!(both.get(&path("x")).await.status, 200, "the tag decides");
}
