//! A server of ours, to be asked.

use serde_json::json;
use veza_testing::{App, AppBuilder, DbTest, Options};

use crate::client::Target;
use crate::offers::offer;

/// Starts one, with a channel to publish to, one that is live, and one that is not.
pub(crate) fn with_server(ask: impl FnOnce(&Target) -> usize) -> usize {
    DbTest::run(Options::default(), |t: DbTest| async move {
        let app = AppBuilder::new(&t.database).start().await;
        let target = target(&app).await;
        tokio::task::block_in_place(|| ask(&target))
    })
}

async fn target(app: &App) -> Target {
    let alice = &app.alice.client;
    let mut urls = Vec::new();
    for name in ["published", "live", "idle"] {
        let made = alice.post("/v1/stream/channels", &json!({ "name": name })).await.expect(201);
        urls.push(format!("{}/v1/stream/channels/{}", app.base, made["id"].as_str().unwrap()));
    }
    let [published, live, idle] = urls.try_into().unwrap();
    let target = Target {
        whip: Some(format!("{published}/whip")),
        whep: Some(format!("{live}/whep")),
        token: Some(app.alice.session["access_token"].as_str().unwrap().to_owned()),
        idle: Some(format!("{idle}/whep")),
        ..Target::default()
    };
    // Its peer never comes: what is live is what was agreed.
    target.post(&format!("{live}/whip"), &offer("sendonly")).is(201);
    target.begun.take();
    target
}
