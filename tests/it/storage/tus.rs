//! Resumable uploads as tus 1.0 has them.

use chrono::TimeDelta;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use veza_testing::{App, Client, DbTest, Reply, TenantTest, db_test, tenant_test};

use super::{BUCKETS, builder, files, path, put, usage};
use crate::pull::eventually;

const TUS: &str = "/v1/storage/buckets/files/tus";

fn tus(client: &Client) -> Client {
    client.with("tus-resumable", "1.0.0")
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn metadata(key: &str) -> String {
    format!("filename {},filetype {},author {}", base64(key), base64("text/plain"), base64("René"))
}

/// Begins an upload and gives its path.
async fn begin(client: &Client, key: &str, length: usize) -> String {
    let client = client.with("upload-metadata", metadata(key)).with("upload-length", length.to_string());
    let reply = client.send("POST", TUS, None).await;
    reply.expect(201);
    assert_eq!(reply.header("tus-resumable"), Some("1.0.0"));
    reply.header("location").unwrap().to_owned()
}

async fn patch(client: &Client, upload: &str, offset: usize, bytes: &str) -> Reply {
    let client = client.with("content-type", "application/offset+octet-stream");
    client.with("upload-offset", offset.to_string()).send("PATCH", upload, Some(bytes.into())).await
}

async fn offset(client: &Client, upload: &str) -> String {
    let reply = client.send("HEAD", upload, None).await;
    assert_eq!(reply.status, 200);
    reply.header("upload-offset").unwrap().to_owned()
}

#[tenant_test]
async fn an_upload_goes_on_where_it_was_and_becomes_an_object(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, tus) = (&app.alice.client, tus(&app.alice.client));
    files(alice, json!({})).await;
    let about = app.anonymous().send("OPTIONS", TUS, None).await;
    assert_eq!((about.status, about.header("tus-version")), (204, Some("1.0.0")));
    assert!(about.header("tus-extension").unwrap().contains("concatenation"));
    let upload = begin(&tus, "dir/a.txt", 11).await;
    let first = patch(&tus, &upload, 0, "hello ").await;
    assert_eq!((first.status, first.header("upload-offset")), (204, Some("6")));
    assert!(first.header("upload-expires").unwrap().ends_with("GMT"));
    let head = tus.send("HEAD", &upload, None).await;
    let told = |name| head.header(name).unwrap();
    assert_eq!((told("upload-offset"), told("upload-length")), ("6", "11"));
    assert_eq!(told("upload-metadata"), metadata("dir/a.txt"));
    assert_eq!(told("cache-control"), "no-store");
    patch(&tus, &upload, 0, "hello ").await.expect_problem(409, "storage.upload.offset_mismatch");
    assert_eq!(alice.get(&path("dir/a.txt")).await.status, 404);
    let last = patch(&tus, &upload, 6, "world").await;
    assert_eq!(
        (last.status, last.header("upload-offset"), last.header("upload-expires")),
        (204, Some("11"), None)
    );
    let read = alice.get(&path("dir/a.txt")).await;
    assert_eq!((read.text.as_str(), read.header("content-type")), ("hello world", Some("text/plain")));
    assert_eq!(read.header("x-veza-meta-author"), Some("Ren%C3%A9"));
    assert_eq!(read.header("x-veza-version-id"), last.header("x-veza-version-id"));
    assert_eq!(offset(&tus, &upload).await, "11", "it is still known");
    assert_eq!(usage(alice).await, (11, 0));
}

#[tenant_test]
async fn bytes_may_come_with_the_beginning_and_the_length_at_the_end(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, tus) = (&app.alice.client, tus(&app.alice.client));
    files(alice, json!({})).await;
    let bytes = tus.with("content-type", "application/offset+octet-stream");
    let whole = bytes.with("upload-length", "5").with("upload-metadata", metadata("a"));
    let whole = whole.send("POST", TUS, Some("hello".into())).await;
    assert_eq!((whole.status, whole.header("upload-offset")), (201, Some("5")));
    assert_eq!(alice.get(&path("a")).await.text, "hello");
    let deferred = bytes.with("upload-defer-length", "1").with("upload-metadata", metadata("b"));
    let deferred = deferred.send("POST", TUS, Some("hel".into())).await;
    deferred.expect(201);
    let upload = deferred.header("location").unwrap();
    let head = tus.send("HEAD", upload, None).await;
    assert_eq!((head.header("upload-defer-length"), head.header("upload-length")), (Some("1"), None));
    patch(&tus, upload, 3, "lo").await.expect(204);
    let short = patch(&tus.with("upload-length", "4"), upload, 5, "").await;
    short.expect_problem(400, "storage.body.length");
    patch(&tus.with("upload-length", "5"), upload, 5, "").await.expect(204);
    assert_eq!(alice.get(&path("b")).await.text, "hello");
    begin(&tus, "empty", 0).await;
    assert_eq!(alice.get(&path("empty")).await.header("content-length"), Some("0"));
    // A client that can only POST.
    let posted = begin(&tus, "c", 2).await;
    let posting = bytes.with("x-http-method-override", "PATCH").with("upload-offset", "0");
    posting.send("POST", &posted, Some("hi".into())).await.expect(204);
    assert_eq!(alice.get(&path("c")).await.text, "hi");
    assert_eq!(usage(alice).await, (12, 0));
}

#[tenant_test]
async fn checksums_hold_or_nothing_is_kept(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, tus) = (&app.alice.client, tus(&app.alice.client));
    files(alice, json!({})).await;
    let upload = begin(&tus, "x", 10).await;
    for sum in [
        "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        "crc32c mnG7TA==",
    ] {
        let wrong = patch(&tus.with("upload-checksum", sum), &upload, 0, "hallo").await;
        wrong.expect_problem(460, "storage.body.digest_mismatch");
        assert_eq!(offset(&tus, &upload).await, "0");
    }
    let odd = patch(&tus.with("upload-checksum", "sha512 AA=="), &upload, 0, "hello").await;
    odd.expect_problem(400, "storage.input.invalid");
    patch(&tus.with("upload-checksum", "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00="), &upload, 0, "hello")
        .await
        .expect(204);
    patch(&tus.with("upload-checksum", "crc32c mnG7TA=="), &upload, 5, "hello").await.expect(204);
    assert_eq!(alice.get(&path("x")).await.text, "hellohello");
    assert_eq!(usage(alice).await, (10, 0));
}

#[tenant_test]
async fn partial_uploads_are_joined(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, tus) = (&app.alice.client, tus(&app.alice.client));
    files(alice, json!({})).await;
    let partial = tus.with("upload-concat", "partial").with("upload-length", "6");
    let mut parts = Vec::new();
    for _ in 0..2 {
        let begun = partial.send("POST", TUS, None).await;
        begun.expect(201);
        parts.push(begun.header("location").unwrap().to_owned());
    }
    patch(&tus, &parts[0], 0, "hello ").await.expect(204);
    assert_eq!(tus.send("HEAD", &parts[0], None).await.header("upload-concat"), Some("partial"));
    let list = format!("final;{} {}{}", parts[0], app.base, parts[1]);
    let join = tus.with("upload-concat", &list).with("upload-metadata", metadata("joined"));
    join.send("POST", TUS, None).await.expect_problem(409, "storage.upload.offset_mismatch");
    patch(&tus, &parts[1], 0, "world!").await.expect(204);
    let joined = join.send("POST", TUS, None).await;
    joined.expect(201);
    let head = tus.send("HEAD", joined.header("location").unwrap(), None).await;
    assert_eq!(head.header("upload-length"), Some("12"));
    assert_eq!(head.header("upload-concat").unwrap(), format!("final;{} {}", parts[0], parts[1]));
    assert_eq!(alice.get(&path("joined")).await.text, "hello world!");
    assert_eq!(usage(alice).await, (12, 0));
    join.send("POST", TUS, None).await.expect_problem(404, "storage.not_found");
    assert_eq!(tus.send("HEAD", &parts[0], None).await.status, 404);
}

#[tenant_test]
async fn what_is_wrong_is_refused(t: TenantTest) {
    let app = builder(&t.database).await.configure(|config| config.storage.quota_bytes = Some(20)).start();
    let app: App = app.await;
    let (alice, tus, mallory) = (&app.alice.client, tus(&app.alice.client), tus(&app.mallory.client));
    files(alice, json!({ "max_object_bytes": 15 })).await;
    let old = alice.with("tus-resumable", "0.2.2").with("upload-length", "1").send("POST", TUS, None).await;
    old.expect_problem(412, "storage.tus.version");
    assert_eq!(old.header("tus-version"), Some("1.0.0"));
    let long = metadata(&"x".repeat(1_025));
    for (name, value, field) in [
        ("upload-metadata", "filename ?", "upload-metadata"),
        ("upload-metadata", "other YQ==", "upload-metadata"),
        ("upload-metadata", &metadata("a/../b"), "upload-metadata"),
        ("upload-metadata", &metadata("a\0b"), "upload-metadata"),
        ("upload-metadata", &long, "upload-metadata"),
        ("upload-concat", "final;/other", "upload-concat"),
        ("upload-defer-length", "1", "upload-defer-length"),
    ] {
        let sent = tus.with("upload-length", "1").with(name, value).send("POST", TUS, None).await;
        let problem = sent.expect_problem(400, "storage.input.invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{value}");
    }
    for length in ["-1", "x", ""] {
        let sent = tus.with("upload-metadata", metadata("a")).with("upload-length", length);
        let problem = sent.send("POST", TUS, None).await.expect_problem(400, "storage.input.invalid");
        assert_eq!(problem["errors"][0]["field"], "upload-length", "{length}");
    }
    let large = tus.with("upload-metadata", metadata("a")).with("upload-length", "16");
    large.send("POST", TUS, None).await.expect_problem(413, "storage.object.too_large");
    let upload = begin(&tus, "a", 10).await;
    let typed = tus.with("upload-offset", "0").with("content-type", "text/plain");
    typed.send("PATCH", &upload, Some("x".into())).await.expect_problem(415, "storage.input.invalid");
    let text = tus.with("content-type", "application/offset+octet-stream");
    let problem =
        text.send("PATCH", &upload, Some("x".into())).await.expect_problem(400, "storage.input.invalid");
    assert_eq!(problem["errors"][0]["field"], "upload-offset");
    patch(&tus, &upload, 0, "more than ten bytes").await.expect_problem(400, "storage.body.length");
    // An upload in parts is none of tus, and the other way round.
    let parts = alice.post(&format!("{BUCKETS}/files/uploads"), &json!({ "key": "p" })).await.expect(201);
    let parts = format!("{TUS}/{}", parts["id"].as_str().unwrap());
    patch(&tus, &parts, 0, "x").await.expect_problem(404, "storage.not_found");
    let upload = begin(&tus, "b", 5).await;
    let part = format!("{}/parts/1", upload.replace("/tus/", "/uploads/"));
    alice.send("PUT", &part, Some("hello".into())).await.expect_problem(404, "storage.not_found");
    // Somebody else's.
    files(&mallory, json!({})).await;
    patch(&mallory, &upload, 0, "mine!").await.expect_problem(404, "storage.not_found");
    assert_eq!(mallory.send("HEAD", &upload, None).await.status, 404);
    mallory.send("DELETE", &upload, None).await.expect_problem(404, "storage.not_found");
    let steal =
        mallory.with("upload-metadata", metadata("m")).with("upload-concat", format!("final;{upload}"));
    steal.send("POST", TUS, None).await.expect_problem(404, "storage.not_found");
    tus.send("DELETE", &upload, None).await.expect(204);
    tus.send("DELETE", &upload, None).await.expect_problem(404, "storage.not_found");
    let quota = tus.with("upload-metadata", metadata("q")).with("upload-defer-length", "1");
    let quota = quota.with("content-type", "application/offset+octet-stream");
    let quota = quota.send("POST", TUS, Some("0123456789x".repeat(2).into())).await;
    quota.expect_problem(403, "storage.quota_exceeded");
}

#[tenant_test]
async fn a_condition_that_does_not_hold_at_the_end_keeps_the_object_away(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, tus) = (&app.alice.client, tus(&app.alice.client));
    files(alice, json!({})).await;
    let upload = begin(&tus.with("if-none-match", "*"), "x", 5).await;
    put(alice, "x", "meanwhile").await.expect(201);
    patch(&tus, &upload, 0, "hello").await.expect_problem(412, "storage.object.precondition_failed");
    assert_eq!((offset(&tus, &upload).await.as_str(), usage(alice).await), ("0", (9, 5)));
    alice.delete(&path("x")).await.expect(204);
    patch(&tus, &upload, 0, "hello").await.expect(204);
    assert_eq!(alice.get(&path("x")).await.text, "hello");
}

#[db_test(clock = "manual")]
async fn an_upload_that_nobody_goes_on_with_is_gone(t: DbTest) {
    let app = builder(&t.database).await.clock(&t.clock).start().await;
    let robot = crate::pull::robot(&app, &["*"]).await;
    let tus = tus(&robot);
    files(&robot, json!({})).await;
    let upload = begin(&tus, "x", 10).await;
    t.clock.advance(TimeDelta::days(6));
    patch(&tus, &upload, 0, "hello").await.expect(204);
    t.clock.advance(TimeDelta::days(6));
    assert_eq!(offset(&tus, &upload).await, "5", "what came counts anew");
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(tus.send("HEAD", &upload, None).await.status, 404);
    patch(&tus, &upload, 5, "world").await.expect_problem(404, "storage.not_found");
    let storage = app.platform.storage.as_ref().unwrap();
    storage.reap(app.alice.tenant).await.unwrap();
    assert_eq!(usage(&robot).await, (0, 0));
}

#[tenant_test]
async fn of_two_who_send_at_once_the_one_who_began_later_goes_on(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, tus) = (&app.alice.client, tus(&app.alice.client));
    files(alice, json!({})).await;
    let upload = begin(&tus, "x", 20).await;
    let (address, token) =
        (app.base.strip_prefix("http://").unwrap(), app.alice.session["access_token"].clone());
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
         Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 10\r\n\
         Connection: close\r\n\r\nslow ",
        token.as_str().unwrap()
    );
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    let id = upload.rsplit('/').next().unwrap();
    let fence = format!("(SELECT fence::text FROM storage.uploads WHERE upload_id = '{id}')");
    let began = async || t.database.superuser().text(&fence).as_deref() == Some("1");
    eventually("the slow one has begun", began).await;
    patch(&tus, &upload, 0, "quick one ").await.expect(204);
    slow.write_all(b"one..").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 409") && answer.contains("storage.upload.lost"), "{answer}");
    patch(&tus, &upload, 10, "and so on.").await.expect(204);
    assert_eq!(alice.get(&path("x")).await.text, "quick one and so on.");
    assert_eq!(usage(alice).await, (20, 0));
}
