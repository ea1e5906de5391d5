//! Queues that tenants make, and workers that pull from them.

mod dead;
mod guide;
mod messages;
mod queues;
mod time;
mod waiting;

use serde_json::{Value, json};
use veza::jobs::Runtime;
use veza_testing::{App, Client};

pub(crate) const QUEUES: &str = "/v1/jobs/queues";

/// Makes a queue with some settings.
pub(crate) async fn queue(client: &Client, name: &str, settings: Value) -> Value {
    let mut body = settings;
    body["name"] = json!(name);
    client.post(QUEUES, &body).await.expect(201)
}

pub(crate) async fn send(client: &Client, queue: &str, body: Value) -> Value {
    client.post(&format!("{QUEUES}/{queue}/messages"), &json!({ "body": body })).await.expect(201)
}

/// What one receive gives.
pub(crate) async fn receive(client: &Client, queue: &str, ask: Value) -> Vec<Value> {
    let received = client.post(&format!("{QUEUES}/{queue}/receive"), &ask).await.expect(200);
    received["messages"].as_array().unwrap().clone()
}

/// The one message that a receive gives.
pub(crate) async fn one(client: &Client, queue: &str) -> Value {
    let mut messages = receive(client, queue, json!({ "wait_seconds": 20 })).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

pub(crate) async fn end(client: &Client, queue: &str, how: &str, body: &Value) -> veza_testing::Reply {
    client.post(&format!("{QUEUES}/{queue}/messages/{how}"), body).await
}

/// Messages that wait, are under way, delayed, and dead.
pub(crate) async fn numbers(client: &Client, queue: &str) -> [i64; 4] {
    let queue = client.get(&format!("{QUEUES}/{queue}")).await.expect(200);
    ["messages", "messages_not_visible", "messages_delayed", "dead_letters"]
        .map(|what| queue[format!("approximate_number_of_{what}")].as_i64().unwrap())
}

pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not within fifteen seconds: {what}");
}

/// What takes back, delays and sweeps, as a worker process does.
pub(crate) fn work(app: &App) {
    Runtime::builder(&app.platform.jobs).build().unwrap().start(&app.platform.tasks);
}

/// A client whose credentials outlive any move of the clock.
pub(crate) async fn robot(app: &App, scopes: &[&str]) -> Client {
    let key = json!({ "name": "robot", "scopes": scopes });
    let key = app.alice.client.post("/v1/tenant/api-keys", &key).await.expect(201);
    app.anonymous().bearer(key["secret"].as_str().unwrap())
}
