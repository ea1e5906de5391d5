//! Clients that go away in the middle.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use veza_testing::{App, TenantTest, tenant_test};

use super::{builder, files, path, usage};
use crate::pull::eventually;

/// Begins an upload and sends a part of what it promises.
async fn begin(app: &App, framing: &str, part: &str) -> TcpStream {
    let address = app.base.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let token = app.alice.session["access_token"].as_str().unwrap();
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{framing}\r\n\r\n{part}",
        path("x")
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

#[tenant_test]
async fn who_goes_away_leaves_nothing(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let part = "x".repeat(100_000);
    for (framing, part) in [
        ("Content-Length: 1000000", part.clone()),
        ("Transfer-Encoding: chunked", format!("{:x}\r\n{part}\r\n", part.len())),
    ] {
        let socket = begin(&app, framing, &part).await;
        eventually("the upload has begun", async || usage(alice).await.1 > 0).await;
        drop(socket);
        // Long before the upload would time out.
        eventually("nothing is set aside", async || usage(alice).await == (0, 0)).await;
        alice.get(&path("x")).await.expect_problem(404, "storage.not_found");
    }
}
