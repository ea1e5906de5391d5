//! What people do to jobs over HTTP: look, end, take back, pause, publish, schedule.

mod dead_letters;
mod lanes;
mod schedules;
mod single;
mod topics;

use serde_json::{Value, json};
use veza::core::Caller;
use veza::jobs::topic::Event;
use veza_testing::{App, Client};

use crate::pull::{end, one, queue, send};

const JOBS: &str = "/v1/jobs";

/// A job of a program in the queue `default`, with something in it that others may not see.
async fn program_job(app: &App, secret: &str) -> String {
    let event = json!({ "event_id": uuid::Uuid::nil(), "exchange": "e", "routing_key": "k", "hops": 0,
        "published_at": "2026-01-01T00:00:00Z", "body": secret });
    let event: Event = serde_json::from_value(event).unwrap();
    let caller = Caller::system(app.alice.tenant);
    let enqueue = move |tx: &mut veza::core::TenantTx<'_>| veza::jobs::enqueue(tx, &event);
    app.platform.jobs.db().tenant(&caller, enqueue).await.unwrap().id.to_string()
}

/// Messages that died in the queue `mail`, which is made for them.
async fn bury(client: &Client, count: usize) {
    queue(client, "mail", json!({})).await;
    for number in 0..count {
        send(client, "mail", json!(number)).await;
        let held = one(client, "mail").await;
        let rejection = json!({ "receipt": held["receipt"], "dead_letter": true });
        end(client, "mail", "reject", &rejection).await.expect(200);
    }
}

/// All items of a list, by pages of two.
async fn all(client: &Client, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = format!("{path}{}limit=2", if path.contains('?') { '&' } else { '?' });
    let first = next.clone();
    loop {
        let page = client.get(&next).await.expect(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return items };
        next = format!("{first}&cursor={cursor}");
    }
}

/// The field that a refusal names.
fn field(problem: &Value) -> &str {
    problem["errors"][0]["field"].as_str().unwrap()
}
