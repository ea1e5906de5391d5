//! Receivers that wait.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use veza_testing::{App, AppBuilder, Client, DbTest, db_test};

use super::{QUEUES, eventually, one, queue, send};

/// As many as one organisation may have.
const FULL: usize = 50;

fn wait(client: &Client) -> JoinHandle<Vec<Value>> {
    let client = client.clone();
    tokio::spawn(async move {
        loop {
            // Who looks whether all wait has a seat for a moment.
            let ask = json!({ "wait_seconds": 20 });
            let reply = client.post(&format!("{QUEUES}/mail/receive"), &ask).await;
            if reply.status != 429 {
                return reply.expect(200)["messages"].as_array().unwrap().clone();
            }
        }
    })
}

/// Whether no more receivers of alice's may wait.
async fn is_full(client: &Client) -> bool {
    let one_more = client.post(&format!("{QUEUES}/mail/receive"), &json!({ "wait_seconds": 1 })).await;
    if one_more.status == 429 {
        one_more.expect_problem(429, "jobs.receive.too_many_waiting");
        assert_eq!(one_more.header("retry-after"), Some("1"));
    }
    one_more.status == 429
}

#[db_test]
async fn all_who_wait_are_woken_and_more_may_not_wait(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({})).await;
    queue(&app.mallory.client, "mail", json!({})).await;
    let waiting: Vec<_> = (0..FULL).map(|_| wait(alice)).collect();
    eventually("all wait", async || is_full(alice).await).await;
    let other =
        app.mallory.client.post(&format!("{QUEUES}/mail/receive"), &json!({ "wait_seconds": 1 })).await;
    assert_eq!(other.expect(200)["messages"], json!([]), "another organisation may wait");
    for batch in 0..5 {
        let entry = |n: usize| json!({ "id": n.to_string(), "body": batch * 10 + n });
        let entries: Vec<Value> = (0..10).map(entry).collect();
        alice
            .post(&format!("{QUEUES}/mail/messages/batch"), &json!({ "entries": entries }))
            .await
            .expect(200);
    }
    let mut bodies = Vec::new();
    for receiver in waiting {
        let messages = receiver.await.unwrap();
        assert_eq!(messages.len(), 1, "{messages:?}");
        bodies.push(messages[0]["body"].as_u64().unwrap());
    }
    bodies.sort_unstable();
    assert_eq!(bodies, (0..50).collect::<Vec<u64>>());
    assert!(!is_full(alice).await, "all seats are free again");
}

#[db_test]
async fn what_another_process_sends_is_seen(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let other: App = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({})).await;
    let waiting: Vec<_> = (0..FULL).map(|_| wait(alice)).collect();
    eventually("all wait", async || is_full(alice).await).await;
    // A key is one for the whole deployment; a token is for one public URL.
    let key = json!({ "name": "sender", "scopes": ["jobs.messages.send"] });
    let key = alice.post("/v1/tenant/api-keys", &key).await.expect(201);
    let elsewhere = other.anonymous().bearer(key["secret"].as_str().unwrap());
    for number in 0..FULL {
        send(&elsewhere, "mail", json!(number)).await;
    }
    for receiver in waiting {
        assert_eq!(receiver.await.unwrap().len(), 1);
    }
}

#[db_test]
async fn nobody_receives_for_a_client_that_went_away(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "mail", json!({})).await;
    let token = app.alice.session["access_token"].as_str().unwrap();
    let body = json!({ "wait_seconds": 20 }).to_string();
    let request = format!(
        "POST {QUEUES}/mail/receive HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let address = app.base.strip_prefix("http://").unwrap();
    let connect = || {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client
    };
    let mut clients: Vec<TcpStream> = (0..FULL).map(|_| connect()).collect();
    eventually("all wait", async || {
        let full = is_full(alice).await;
        // Who looks whether all wait has a seat for a moment, and somebody else was refused for it.
        clients.extend((!full).then(connect));
        full
    })
    .await;
    drop(clients);
    eventually("their seats are free", async || !is_full(alice).await).await;
    send(alice, "mail", json!(1)).await;
    assert_eq!(one(alice, "mail").await["receive_count"], 1);
}
