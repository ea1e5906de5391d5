//! What is transferred counts, once and to the byte.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use veza_testing::{App, DbTest, db_test};

use super::{BUCKETS, builder, files, path, put, stored, usage};
use crate::pull::eventually;

/// Requests, bytes that came and bytes that went, as the usage of an organisation has them.
async fn counted(t: &DbTest, app: &App, tenant: veza::core::TenantId) -> [i64; 3] {
    app.platform.storage.as_ref().unwrap().write_traffic().await.unwrap();
    let of = |kind: &str| {
        let sum = format!(
            "(SELECT coalesce(sum(quantity), 0)::text FROM core.usage_events WHERE tenant_id = '{tenant}' AND kind = '{kind}')"
        );
        t.database.superuser().text(&sum).unwrap().parse::<i64>().unwrap()
    };
    veza::storage::traffic::KINDS.map(of)
}

#[db_test]
async fn transfers_count_to_the_byte_for_who_owns_the_bytes(t: DbTest) {
    let app = builder(&t.database).await.start().await;
    let (alice, anybody) = (&app.alice.client, app.anonymous());
    files(alice, json!({ "access": "public_read" })).await;
    stored(alice, "x", "hello world").await;
    assert_eq!(counted(&t, &app, app.alice.tenant).await, [1, 11, 0]);
    alice.get(&path("x")).await.expect(200);
    alice.with("range", "bytes=0-4").get(&path("x")).await.expect(206);
    alice.send("HEAD", &path("x"), None).await.expect(200);
    assert_eq!(counted(&t, &app, app.alice.tenant).await, [4, 11, 16]);
    // Somebody without credentials, who is none of hers, costs her.
    anybody.get(&format!("/v1/storage/public/{}/files/x", app.alice.tenant)).await.expect(200);
    let upload = alice.post(&format!("{BUCKETS}/files/uploads"), &json!({ "key": "p" })).await.expect(201);
    let part = format!("{BUCKETS}/files/uploads/{}/parts/1", upload["id"].as_str().unwrap());
    alice.send("PUT", &part, Some("parts".into())).await.expect(200);
    let tus =
        alice.with("tus-resumable", "1.0.0").with("upload-length", "3").with("upload-metadata", "name dHVz");
    let tus = tus.with("content-type", "application/offset+octet-stream");
    tus.send("POST", &format!("{BUCKETS}/files/tus"), Some("tus".into())).await.expect(201);
    assert_eq!(counted(&t, &app, app.alice.tenant).await, [7, 19, 27]);
    // What is refused was sent all the same.
    put(&alice.with("content-digest", "crc32c=:AAAAAA==:"), "y", "wrong").await.expect(400);
    assert_eq!(counted(&t, &app, app.alice.tenant).await, [8, 24, 27]);
    assert_eq!(counted(&t, &app, app.alice.tenant).await, [8, 24, 27], "once");
    assert_eq!(counted(&t, &app, app.mallory.tenant).await, [0, 0, 0]);
}

#[db_test]
async fn what_breaks_off_counts_as_far_as_it_came(t: DbTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let (address, token) =
        (app.base.strip_prefix("http://").unwrap(), app.alice.session["access_token"].clone());
    let head = |method: &str, rest: &str| {
        let token = token.as_str().unwrap();
        format!(
            "{method} {} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{rest}\r\n",
            path("x")
        )
    };
    let mut socket = TcpStream::connect(address).await.unwrap();
    let begin = head("PUT", "Content-Length: 1000000\r\n") + &"x".repeat(50_000);
    socket.write_all(begin.as_bytes()).await.unwrap();
    eventually("it has begun", async || usage(alice).await.1 > 0).await;
    drop(socket);
    eventually("it counts", async || counted(&t, &app, app.alice.tenant).await[0] == 1).await;
    let [_, received, _] = counted(&t, &app, app.alice.tenant).await;
    assert!((1..=50_000).contains(&received), "{received}");
    let large = 32 << 20;
    put(alice, "x", &"y".repeat(large)).await.expect(201);
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(head("GET", "").as_bytes()).await.unwrap();
    socket.read_exact(&mut vec![0; 100_000]).await.unwrap();
    drop(socket);
    eventually("it counts", async || counted(&t, &app, app.alice.tenant).await[0] == 3).await;
    let [_, _, sent] = counted(&t, &app, app.alice.tenant).await;
    assert!((50_000..i64::try_from(large).unwrap()).contains(&sent), "{sent}");
}
