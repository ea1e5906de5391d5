//! Buckets that everybody may read, and pages of other origins.

use serde_json::json;
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use super::{BUCKETS, builder, files, path, stored};

#[tenant_test]
async fn everybody_reads_what_is_public_and_nothing_else(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, anybody) = (&app.alice.client, app.anonymous());
    files(alice, json!({ "access": "public_read", "versioning": true })).await;
    alice.post(BUCKETS, &json!({ "name": "private" })).await.expect(201);
    let first = stored(alice, "a/b.txt", "first").await;
    stored(alice, "a/b.txt", "second").await;
    alice.send("PUT", &format!("{BUCKETS}/private/objects/x"), Some("secret".into())).await.expect(201);
    let base = format!("/v1/storage/public/{}", app.alice.tenant);
    let url = format!("{base}/files/a/b.txt");
    let read = anybody.get(&url).await;
    assert_eq!((read.status, read.text.as_str()), (200, "second"));
    assert_eq!(read.header("cache-control"), Some("public, no-cache"));
    let etag = read.header("etag").unwrap();
    assert_eq!(anybody.with("if-none-match", etag).get(&url).await.status, 304);
    let version = format!("{url}?version={}", first["version_id"].as_str().unwrap());
    let old = anybody.with("range", "bytes=0-2").get(&version).await;
    assert_eq!((old.status, old.text.as_str()), (206, "fir"));
    assert_eq!(old.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(anybody.send("HEAD", &url, None).await.header("content-length"), Some("6"));
    for gone in [
        format!("{base}/private/x"),
        format!("{base}/nowhere/x"),
        format!("{base}/files/missing"),
        format!("/v1/storage/public/{}/files/a/b.txt", app.mallory.tenant),
        "/v1/storage/public/nobody/files/a/b.txt".to_owned(),
    ] {
        anybody.get(&gone).await.expect_problem(404, "storage.not_found");
        assert_eq!(anybody.send("HEAD", &gone, None).await.status, 404);
    }
    let missing = anybody.get(&format!("{base}/nowhere/x")).await.json();
    assert_eq!(anybody.get(&format!("{base}/private/x")).await.json()["detail"], missing["detail"]);
    for method in ["PUT", "DELETE", "PATCH", "POST"] {
        assert_eq!(anybody.send(method, &url, Some("x".into())).await.status, 405, "{method}");
    }
    alice.patch(&format!("{BUCKETS}/files"), &json!({ "access": "private" })).await.expect(200);
    anybody.get(&url).await.expect_problem(404, "storage.not_found");
}

#[tenant_test]
async fn pages_of_other_origins_do_what_the_bucket_says(t: TenantTest) {
    let configure = |config: &mut veza::Config| config.web.base_domain = Some("veza.example".to_owned());
    let app = builder(&t.database).await.configure(configure).start().await;
    let (alice, anybody) = (&app.alice.client, app.anonymous());
    let rules = json!([
        { "origins": ["https://app.example"], "methods": ["GET", "PUT"], "headers": ["Content-Type"], "max_age_seconds": 60 },
        { "origins": ["*"] },
    ]);
    files(alice, json!({ "access": "public_read", "cors": rules })).await;
    stored(alice, "x", "hello").await;
    let page = |origin: &str| anybody.with("origin", origin);
    let public = format!("/v1/storage/public/{}/files/x", app.alice.tenant);
    let asking = |origin: &str, method: &str| page(origin).with("access-control-request-method", method);
    let host = format!("{}.veza.example", app.alice.slug);
    let tus = format!("{BUCKETS}/files/tus");
    for url in [public.clone(), public.replace("/public/", "/signed/"), path("x"), tus] {
        let named = |origin: &str, method: &str| asking(origin, method).with("host", &host);
        let put = named("https://app.example", "PUT").with("access-control-request-headers", "content-type");
        let put = put.send("OPTIONS", &url, None).await;
        assert_eq!(put.status, 204, "{url}: {}", put.text);
        let told = |name: &str| put.header(&format!("access-control-{name}"));
        assert_eq!(told("allow-origin"), Some("https://app.example"));
        assert_eq!(told("allow-methods"), Some("GET, PUT"));
        assert_eq!((told("allow-headers"), told("max-age")), (Some("content-type"), Some("60")));
        assert_eq!(told("allow-credentials"), None);
        let any = named("https://other.example", "GET").send("OPTIONS", &url, None).await;
        assert_eq!(any.header("access-control-allow-origin"), Some("*"));
        for (method, headers) in [("PUT", ""), ("GET", "x-other"), ("BREW", "")] {
            let other =
                named("https://other.example", method).with("access-control-request-headers", headers);
            let other = other.send("OPTIONS", &url, None).await;
            other.expect_problem(403, "storage.cors.refused");
            assert_eq!(other.header("access-control-allow-origin"), None);
        }
    }
    // Without a host name nobody knows whose bucket it is.
    let nobodys = asking("https://app.example", "GET").send("OPTIONS", &path("x"), None).await;
    nobodys.expect_problem(403, "storage.cors.refused");
    let nowhere = public.replace("files", "nowhere");
    let nowhere = asking("https://app.example", "GET").send("OPTIONS", &nowhere, None).await;
    nowhere.expect_problem(403, "storage.cors.refused");
    let read = page("https://app.example").get(&public).await;
    assert_eq!(read.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(read.header("access-control-expose-headers").unwrap().contains("ETag"));
    assert_eq!(read.header("access-control-allow-credentials"), None);
    let missing = page("https://app.example").get(&public.replace("/x", "/missing")).await;
    assert_eq!(
        (missing.status, missing.header("access-control-allow-origin")),
        (404, Some("https://app.example"))
    );
    let token = alice.with("origin", "https://other.example").get(&path("x")).await;
    assert_eq!(token.header("access-control-allow-origin"), Some("*"));
    let put = alice.with("origin", "https://other.example").send("PUT", &path("x"), Some("y".into())).await;
    assert_eq!((put.status, put.header("access-control-allow-origin")), (201, None));
    assert_eq!(alice.get(&path("x")).await.header("access-control-allow-origin"), None);
}

#[db_test(clock = "manual")]
async fn who_asks_too_often_for_what_is_not_there_is_not_looked_for(t: DbTest) {
    let app = builder(&t.database).await.clock(&t.clock).start().await;
    let (alice, anybody) = (crate::pull::robot(&app, &["*"]).await, app.anonymous());
    files(&alice, json!({ "access": "public_read" })).await;
    stored(&alice, "x", "hello").await;
    let there = format!("/v1/storage/public/{}/files/x", app.alice.tenant);
    let nowhere = there.replace("/files/", "/nowhere/");
    for _ in 0..299 {
        anybody.get(&nowhere).await.expect_problem(404, "storage.not_found");
    }
    anybody.get(&there).await.expect(200);
    anybody.get(&format!("{}?signature=AAAA", there.replace("/public/", "/signed/"))).await.expect(403);
    anybody.get(&nowhere).await.expect_problem(404, "storage.not_found");
    anybody.get(&nowhere).await.expect_problem(429, "web.rate_limited");
    assert_eq!(anybody.send("OPTIONS", &path("x"), None).await.status, 429);
    alice.get(&path("x")).await.expect(200);
    t.clock.advance(chrono::TimeDelta::minutes(1));
    anybody.get(&there).await.expect(200);
}
