//! Signed URLs.

use chrono::TimeDelta;
use serde_json::{Value, json};
use veza::tenant::organization::Transition;
use veza_testing::{App, Client, DbTest, TenantTest, db_test, tenant_test};

use super::{BUCKETS, builder, files, path, stored, usage};

const SIGN: &str = "/v1/storage/buckets/files/signed-urls";

async fn sign(client: &Client, request: Value) -> String {
    let signed = client.post(SIGN, &request).await.expect(200);
    signed["url"].as_str().unwrap().to_owned()
}

/// The same URL with another value of a parameter, or with one more.
fn with(url: &str, name: &str, value: &str) -> String {
    let (path, query) = url.split_once('?').unwrap();
    let others = query.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
    let others: Vec<&str> = others.collect();
    format!("{path}?{}&{name}={value}", others.join("&"))
}

async fn app(t: &TenantTest) -> App {
    let app = builder(&t.database).await.start().await;
    files(&app.alice.client, json!({})).await;
    app
}

#[tenant_test]
async fn who_has_the_url_reads_without_credentials(t: TenantTest) {
    let app = app(&t).await;
    let (alice, anybody) = (&app.alice.client, app.anonymous());
    let object = stored(alice, "dir/%C3%A4%20b", "hello").await;
    let url = sign(alice, json!({ "method": "GET", "key": "dir/ä b", "expires_in": 60 })).await;
    let read = anybody.get(&url).await;
    assert_eq!((read.status, read.text.as_str()), (200, "hello"));
    assert_eq!(read.header("cache-control"), Some("private, no-cache"));
    assert!(read.header("ratelimit").is_some(), "it counts against the organisation's limit");
    assert_eq!(anybody.with("range", "bytes=1-2").get(&url).await.text, "el");
    assert_eq!(anybody.send("HEAD", &url, None).await.header("content-length"), Some("5"));
    stored(alice, "dir/%C3%A4%20b", "other").await;
    assert_eq!(anybody.get(&url).await.text, "other");
    let version = object["version_id"].as_str().unwrap();
    let gone =
        sign(alice, json!({ "method": "GET", "key": "dir/ä b", "expires_in": 60, "version_id": version }));
    assert_eq!(anybody.get(&gone.await).await.status, 404, "without versioning there is one version only");
    let missing = sign(alice, json!({ "method": "GET", "key": "missing", "expires_in": 60 })).await;
    anybody.get(&missing).await.expect_problem(404, "storage.not_found");
    // It reads, and nothing else.
    anybody.send("PUT", &url, Some("mine".into())).await.expect_problem(403, "storage.signature.invalid");
    assert_eq!(anybody.get(&path("dir/%C3%A4%20b")).await.status, 401);
}

#[tenant_test]
async fn who_has_the_url_stores_what_it_says(t: TenantTest) {
    let app = app(&t).await;
    let (alice, anybody) = (&app.alice.client, app.anonymous());
    let request = json!({ "method": "PUT", "key": "x", "expires_in": 60, "content_type": "text/plain", "max_bytes": 5 });
    let url = sign(alice, request).await;
    let text = anybody.with("content-type", "text/plain");
    let html = anybody.with("content-type", "text/html").send("PUT", &url, Some("hello".into())).await;
    html.expect_problem(403, "storage.signature.constraint");
    text.send("PUT", &url, Some("hello!".into())).await.expect_problem(413, "storage.object.too_large");
    let chunked = text.with("transfer-encoding", "chunked");
    chunked.send("PUT", &url, Some("hello!".into())).await.expect_problem(413, "storage.object.too_large");
    anybody.get(&url).await.expect_problem(403, "storage.signature.invalid");
    assert_eq!(usage(alice).await, (0, 0));
    assert_eq!(alice.get(&path("x")).await.status, 404);
    let object = chunked.send("PUT", &url, Some("hello".into())).await.expect(201);
    assert_eq!(object["created_by"], format!("person:{}", app.alice.session["person_id"].as_str().unwrap()));
    assert_eq!(alice.get(&path("x")).await.text, "hello");
}

#[tenant_test]
async fn what_is_altered_or_anothers_does_not_hold(t: TenantTest) {
    let app = app(&t).await;
    let (alice, mallory, anybody) = (&app.alice.client, &app.mallory.client, app.anonymous());
    stored(alice, "x", "hello").await;
    stored(alice, "y", "secret").await;
    files(mallory, json!({})).await;
    stored(mallory, "x", "mine").await;
    let url = sign(alice, json!({ "method": "GET", "key": "x", "expires_in": 60 })).await;
    let hers = sign(mallory, json!({ "method": "GET", "key": "x", "expires_in": 60 })).await;
    assert_eq!(anybody.get(&hers).await.text, "mine");
    let (mine, theirs) = (app.alice.tenant.to_string(), app.mallory.tenant.to_string());
    let query = |url: &str| url.split_once('?').unwrap().1.to_owned();
    let parameter = |url: &str, name: &str| {
        query(url)
            .split('&')
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned))
            .unwrap()
    };
    for altered in [
        url.replace("/files/x", "/files/y"),
        url.replace(&mine, &theirs),
        hers.replace(&theirs, &mine),
        format!("{}?{}", url.split_once('?').unwrap().0, query(&hers)),
        with(&url, "key_id", &parameter(&hers, "key_id")),
        with(&hers.replace(&theirs, &mine), "key_id", &parameter(&url, "key_id")),
        with(&url, "expires", "99999999999"),
        with(&url, "by", "person:00000000-0000-0000-0000-000000000001"),
        with(&url, "max_bytes", "1"),
        with(&url, "content_type", "text/html"),
        with(&url, "version", "00000000-0000-0000-0000-000000000001"),
        with(&url, "signature", ""),
        with(&url, "signature", "AAAA"),
        with(&url, "signature", "%00"),
        format!("{url}&other=1"),
        url.split_once('?').unwrap().0.to_owned(),
        url.replace(&mine, "nobody"),
        url.replace("/files/", "/nowhere/"),
        url.replace("/files/x", "/files/../x"),
    ] {
        anybody.get(&altered).await.expect_problem(403, "storage.signature.invalid");
    }
    for (request, field) in [
        (json!({ "method": "GET", "key": "x", "expires_in": 0 }), "/expires_in"),
        (json!({ "method": "GET", "key": "x", "expires_in": 604_801 }), "/expires_in"),
        (json!({ "method": "GET", "key": "../x", "expires_in": 1 }), "/key"),
        (json!({ "method": "GET", "key": "x", "expires_in": 1, "max_bytes": 1 }), "/max_bytes"),
        (json!({ "method": "PUT", "key": "x", "expires_in": 1, "max_bytes": -1 }), "/max_bytes"),
        (json!({ "method": "PUT", "key": "x", "expires_in": 1, "content_type": "a\nb" }), "/content_type"),
    ] {
        let problem = alice.post(SIGN, &request).await.expect_problem(400, "storage.input.invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{request}");
    }
    // Nobody gives away what they have not.
    let reader = crate::pull::robot(&app, &["storage.objects.read"]).await;
    let refused = reader.post(SIGN, &json!({ "method": "PUT", "key": "x", "expires_in": 60 })).await;
    refused.expect_problem(403, "core.permission.missing");
    let ended = reader.delete("/v1/storage/signing-key").await;
    ended.expect_problem(403, "core.permission.missing");
    let read = sign(&reader, json!({ "method": "GET", "key": "x", "expires_in": 60 })).await;
    assert_eq!(anybody.get(&read).await.text, "hello");
    // Another bucket of the same name.
    alice.delete(&path("x")).await.expect(204);
    alice.delete(&path("y")).await.expect(204);
    alice.delete(&format!("{BUCKETS}/files")).await.expect(204);
    files(alice, json!({})).await;
    stored(alice, "x", "new").await;
    anybody.get(&url).await.expect_problem(403, "storage.signature.invalid");
}

#[tenant_test]
async fn one_organisation_ends_its_own_urls(t: TenantTest) {
    let app = app(&t).await;
    let (alice, mallory, anybody) = (&app.alice.client, &app.mallory.client, app.anonymous());
    files(mallory, json!({})).await;
    stored(alice, "x", "hello").await;
    stored(mallory, "x", "mine").await;
    let request = json!({ "method": "GET", "key": "x", "expires_in": 60 });
    let (url, hers) = (sign(alice, request.clone()).await, sign(mallory, request.clone()).await);
    alice.delete("/v1/storage/signing-key").await.expect(204);
    anybody.get(&url).await.expect_problem(403, "storage.signature.invalid");
    assert_eq!(anybody.get(&hers).await.text, "mine");
    assert_eq!(anybody.get(&sign(alice, request).await).await.text, "hello");
}

#[db_test(clock = "manual")]
async fn urls_end_with_their_time_and_with_their_organisation(t: DbTest) {
    let app = builder(&t.database).await.clock(&t.clock).start().await;
    let (alice, anybody) = (&app.alice.client, app.anonymous());
    files(alice, json!({})).await;
    stored(alice, "x", "hello").await;
    let url = sign(alice, json!({ "method": "GET", "key": "x", "expires_in": 60 })).await;
    let put = sign(alice, json!({ "method": "PUT", "key": "y", "expires_in": 60 })).await;
    let long = sign(alice, json!({ "method": "GET", "key": "x", "expires_in": 3_600 })).await;
    t.clock.advance(TimeDelta::seconds(59));
    assert_eq!(anybody.get(&url).await.status, 200);
    t.clock.advance(TimeDelta::seconds(1));
    anybody.get(&url).await.expect_problem(403, "storage.signature.expired");
    let late = anybody.send("PUT", &put, Some("late".into())).await;
    late.expect_problem(403, "storage.signature.expired");
    assert_eq!(anybody.get(&long).await.status, 200);
    let tenants = &app.platform.tenants;
    tenants.transition(&app.alice.slug, Transition::Suspend, Some("unpaid")).await.unwrap();
    anybody.get(&long).await.expect_problem(403, "tenant.organization.suspended");
}
