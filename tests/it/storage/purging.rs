//! Caches in front of a public bucket hear what changed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use veza::core::Caller;
use veza_testing::{App, DbTest, TenantTest, db_test, tenant_test};

use super::{BUCKETS, builder, files, path, stored};

/// What a cache got: the header with the signature, and the body.
type Told = (String, Value);

fn cache() -> (String, mpsc::Receiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/purge", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut reader = BufReader::new(&stream);
            let (mut signature, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                match line.split_once(": ") {
                    Some(("webhook-signature", value)) => value.clone_into(&mut signature),
                    Some(("content-length", value)) => length = value.parse().unwrap(),
                    None if line.is_empty() => break,
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            (&stream).write_all(b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n").unwrap();
            if tell.send((signature, serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (url, told)
}

/// The paths that the next webhook names.
async fn next(told: &mpsc::Receiver<Told>, app: &App) -> Vec<String> {
    app.platform.runtime().build().unwrap().drain(&Caller::system(app.alice.tenant)).await.unwrap();
    let (signature, body) = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(signature.starts_with("v1,"), "{signature}");
    assert_eq!(body["type"], "storage.purge");
    body["data"]["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect()
}

#[db_test]
async fn changes_of_public_objects_are_told(t: DbTest) {
    let configure = |config: &mut veza::Config| config.jobs.webhook.allow_private = true;
    let app = builder(&t.database).await.configure(configure).start().await;
    let alice = &app.alice.client;
    let (url, told) = cache();
    files(alice, json!({ "access": "public_read", "purge_url": url, "versioning": true })).await;
    let base = format!("/v1/storage/public/{}/files", app.alice.tenant);
    let object = stored(alice, "a%20b", "hello").await;
    let version = format!("{base}/a%20b?version={}", object["version_id"].as_str().unwrap());
    let both = [format!("{base}/a%20b"), version];
    assert_eq!(next(&told, &app).await, both);
    alice.patch(&path("a%20b"), &json!({ "content_type": "text/css" })).await.expect(200);
    assert_eq!(next(&told, &app).await, both);
    alice.delete(&path("a%20b")).await.expect(204);
    assert_eq!(next(&told, &app).await, both);
    alice.patch(&format!("{BUCKETS}/files"), &json!({ "access": "private" })).await.expect(200);
    assert_eq!(next(&told, &app).await, [format!("{base}/*")]);
    stored(alice, "x", "hello").await;
    app.platform.runtime().build().unwrap().drain(&Caller::system(app.alice.tenant)).await.unwrap();
    assert!(told.try_recv().is_err(), "what is private is nobody's business");
}

#[tenant_test]
async fn where_no_webhook_may_go_is_refused(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let long = format!("https://x.example/{}", "x".repeat(2_000));
    for url in ["", "x", "ftp://x.example/", "https://user:secret@x.example/", &long] {
        let bucket = json!({ "name": "files", "settings": { "purge_url": url } });
        let problem =
            app.alice.client.post(BUCKETS, &bucket).await.expect_problem(400, "storage.input.invalid");
        assert_eq!(problem["errors"][0]["field"], "/settings/purge_url", "{url}");
    }
}
