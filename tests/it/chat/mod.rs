//! Rooms over HTTP, server-sent events and WebSocket.

mod attachments;
mod cut;
mod departure;
mod http;
mod peer;
mod presence;
mod socket;
mod stream;

use serde_json::{Value, json};
use veza_testing::Client;

pub(crate) const ROOMS: &str = "/v1/chat/rooms";

/// A room of whoever asks; its path.
pub(crate) async fn room(client: &Client, kind: &str) -> String {
    let room = client.post(ROOMS, &json!({ "kind": kind, "name": "a room" })).await.expect(201);
    format!("{ROOMS}/{}", room["id"].as_str().unwrap())
}

/// Sends a text; its number.
pub(crate) async fn say(client: &Client, room: &str, text: &str) -> i64 {
    let message = json!({ "body": { "text": text } });
    client.post(&format!("{room}/messages"), &message).await.expect(201)["seq"].as_i64().unwrap()
}

/// The id in a room's path.
pub(crate) fn id(room: &str) -> &str {
    room.rsplit('/').next().unwrap()
}

pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().filter_map(|item| item["body"]["text"].as_str()).collect()
}
