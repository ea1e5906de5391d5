//! Uploads in parts.

use serde_json::{Value, json};
use veza_testing::{Client, Reply, TenantTest, tenant_test};

use super::{BUCKETS, builder, files, path, put, usage};

const UPLOADS: &str = "/v1/storage/buckets/files/uploads";

/// Begins an upload and gives its path.
async fn begin(client: &Client, request: Value) -> String {
    let reply = client.post(UPLOADS, &request).await;
    let upload = reply.expect(201);
    let at = reply.header("location").unwrap().to_owned();
    assert_eq!(at, format!("{UPLOADS}/{}", upload["id"].as_str().unwrap()));
    at
}

async fn part(client: &Client, upload: &str, number: i32, bytes: &str) -> Reply {
    client.send("PUT", &format!("{upload}/parts/{number}"), Some(bytes.into())).await
}

#[tenant_test]
async fn parts_come_in_any_order_and_become_an_object(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let request = json!({ "key": "a/b", "content_type": "text/plain", "metadata": { "author": "René" } });
    let upload = begin(alice, request).await;
    let second = part(alice, &upload, 2, "world").await.expect(200);
    part(alice, &upload, 1, "other, ").await.expect(200);
    let first = part(alice, &upload, 1, "hello, ").await;
    let tag = format!("\"{}\"", first.expect(200)["etag"].as_str().unwrap());
    assert_eq!(first.header("etag"), Some(tag.as_str()));
    part(alice, &upload, 7, "never named").await.expect(200);
    let page = alice.get(&format!("{upload}/parts?limit=2")).await.expect(200);
    let numbers = |page: &Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["number"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&page), [1, 2]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = alice.get(&format!("{upload}/parts?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(numbers(&page), [7]);
    assert_eq!(alice.get(&upload).await.expect(200)["received"], 23);
    let named = |part: &Value| json!({ "number": part["number"], "etag": part["etag"] });
    let parts = json!({ "parts": [named(&first.json()), named(&second)] });
    let complete = format!("{upload}/complete");
    let object = alice.post(&complete, &parts).await.expect(201);
    assert_eq!((&object["size"], &object["key"]), (&json!(12), &json!("a/b")));
    let again = alice.post(&complete, &json!({})).await.expect(201);
    assert_eq!(again["version_id"], object["version_id"]);
    let read = alice.get(&path("a/b")).await;
    assert_eq!((read.text.as_str(), read.header("x-veza-meta-author")), ("hello, world", Some("Ren%C3%A9")));
    assert_eq!(usage(alice).await, (12, 0));
    part(alice, &upload, 3, "late").await.expect_problem(404, "storage.not_found");
    assert_eq!(alice.get(UPLOADS).await.expect(200)["items"], json!([]));
}

#[tenant_test]
async fn uploads_are_listed_and_ended(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let mut begun = Vec::new();
    for number in 0..3 {
        begun.push(begin(alice, json!({ "key": format!("k{number}"), "length": 5 })).await);
    }
    assert_eq!(usage(alice).await, (0, 15));
    let page = alice.get(&format!("{UPLOADS}?limit=2")).await.expect(200);
    assert_eq!(page["items"][0]["key"], "k0");
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = alice.get(&format!("{UPLOADS}?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((page["items"].as_array().unwrap().len(), &page["items"][0]["key"]), (1, &json!("k2")));
    for upload in &begun {
        assert_eq!(alice.delete(upload).await.status, 204);
        alice.delete(upload).await.expect_problem(404, "storage.not_found");
        alice.get(upload).await.expect_problem(404, "storage.not_found");
    }
    assert_eq!(usage(alice).await, (0, 0));
    let keyed = alice.with("idempotency-key", "once");
    let request = json!({ "key": "x" });
    let first = keyed.post(UPLOADS, &request).await;
    let second = keyed.post(UPLOADS, &request).await;
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
}

#[tenant_test]
async fn conditions_hold_when_it_is_complete(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let free = alice.with("if-none-match", "*");
    let upload = begin(&free, json!({ "key": "x" })).await;
    part(alice, &upload, 1, "parts").await.expect(200);
    put(alice, "x", "meanwhile").await.expect(201);
    let complete = format!("{upload}/complete");
    let refused = alice.post(&complete, &json!({})).await;
    refused.expect_problem(412, "storage.object.precondition_failed");
    free.post(UPLOADS, &json!({ "key": "x" }))
        .await
        .expect_problem(412, "storage.object.precondition_failed");
    assert_eq!(alice.get(&path("x")).await.text, "meanwhile");
    let etag = alice.get(&path("x")).await.header("etag").unwrap().to_owned();
    let other = alice.with("if-match", "\"other\"").post(&complete, &json!({})).await;
    other.expect_problem(412, "storage.object.precondition_failed");
    alice.with("if-match", etag).post(&complete, &json!({})).await.expect(201);
    assert_eq!(alice.get(&path("x")).await.text, "parts");
}

#[tenant_test]
async fn what_is_wrong_is_refused_and_leaves_nothing(t: TenantTest) {
    let app = builder(&t.database).await.configure(|config| config.storage.quota_bytes = Some(20)).start();
    let app = app.await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    files(alice, json!({ "max_object_bytes": 15 })).await;
    let long = "x".repeat(1_025);
    for (request, field) in [
        (json!({ "key": "a/../b" }), "/key"),
        (json!({ "key": long }), "/key"),
        (json!({ "key": "x", "length": -1 }), "/length"),
        (json!({ "key": "x", "content_type": "none" }), "/content_type"),
    ] {
        let problem = alice.post(UPLOADS, &request).await.expect_problem(400, "storage.input.invalid");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    let nul = alice.post(UPLOADS, &json!({ "key": "a\0b" })).await;
    assert_eq!(nul.status, 400, "{}", nul.text);
    let large = alice.post(UPLOADS, &json!({ "key": "x", "length": 16 })).await;
    large.expect_problem(413, "storage.object.too_large");
    let upload = begin(alice, json!({ "key": "x", "length": 10 })).await;
    for number in ["0", "10001", "-1", "one", "99999999999"] {
        let reply = alice.send("PUT", &format!("{upload}/parts/{number}"), Some("x".into())).await;
        let problem = reply.expect_problem(400, "storage.input.invalid");
        assert!(problem["errors"][0]["field"].as_str().unwrap().contains("number"), "{number}");
    }
    let wrong = alice.with("content-digest", "crc32c=:AAAAAA==:");
    part(&wrong, &upload, 1, "hello").await.expect_problem(400, "storage.body.digest_mismatch");
    part(alice, &upload, 1, "hello world").await.expect_problem(413, "storage.object.too_large");
    part(alice, &upload, 1, "hello").await.expect(200);
    // What was set aside for all parts together does not pay for more.
    part(alice, &upload, 2, "worlds").await.expect_problem(400, "storage.body.length");
    let short = alice.post(&format!("{upload}/complete"), &json!({})).await;
    short.expect_problem(400, "storage.body.length");
    for wrong in [json!([]), json!([{ "number": 1, "etag": "a" }, { "number": 1, "etag": "a" }])] {
        let refused = alice.post(&format!("{upload}/complete"), &json!({ "parts": wrong })).await;
        let problem = refused.expect_problem(400, "storage.input.invalid");
        assert_eq!(problem["errors"][0]["field"], "/parts");
    }
    let other = json!({ "parts": [{ "number": 1, "etag": "other" }] });
    let other = alice.post(&format!("{upload}/complete"), &other).await;
    other.expect_problem(400, "storage.upload.part_invalid");
    // Quota in the middle of a stream of unknown length.
    let open = begin(alice, json!({ "key": "y" })).await;
    let chunked = alice.with("transfer-encoding", "chunked");
    part(&chunked, &open, 1, "more than is left").await.expect_problem(403, "storage.quota_exceeded");
    assert_eq!(usage(alice).await, (0, 10));
    // Somebody else's, by the same names.
    files(mallory, json!({})).await;
    part(mallory, &upload, 1, "mine!").await.expect_problem(404, "storage.not_found");
    for (method, route) in
        [("GET", upload.clone()), ("GET", format!("{upload}/parts")), ("DELETE", upload.clone())]
    {
        mallory.send(method, &route, None).await.expect_problem(404, "storage.not_found");
    }
    let complete = mallory.post(&format!("{upload}/complete"), &json!({})).await;
    complete.expect_problem(404, "storage.not_found");
    // Her own, but through another bucket.
    alice.post(BUCKETS, &json!({ "name": "other" })).await.expect(201);
    let elsewhere = upload.replace("/files/", "/other/");
    part(alice, &elsewhere, 1, "hello").await.expect_problem(404, "storage.not_found");
    alice.delete(&elsewhere).await.expect_problem(404, "storage.not_found");
    part(alice, &upload, 2, "world").await.expect(200);
    alice.post(&format!("{upload}/complete"), &json!({})).await.expect(201);
    assert_eq!(alice.get(&path("x")).await.text, "helloworld");
    assert_eq!(usage(alice).await, (10, 0));
}
