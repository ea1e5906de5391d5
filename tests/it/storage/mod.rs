//! Files over HTTP.

mod accel;
mod bad_input;
#[cfg(feature = "s3")]
mod bucket;
mod buckets;
mod bulk;
mod conditions;
mod copies;
#[cfg(not(feature = "s3"))]
mod directory;
mod isolation;
mod leaving;
mod listing;
mod metering;
mod objects;
mod public;
mod purging;
mod ranges;
mod retention;
mod signed;
mod sniffing;
mod tus;
mod tus_clients;
mod uploads;
mod versions;

use serde_json::{Value, json};
use veza_testing::{Client, Reply};

#[cfg(feature = "s3")]
pub(crate) use self::bucket::builder;
#[cfg(not(feature = "s3"))]
pub(crate) use self::directory::builder;

pub(crate) const BUCKETS: &str = "/v1/storage/buckets";

/// The path of an object in the bucket `files`.
pub(crate) fn path(key: &str) -> String {
    format!("{BUCKETS}/files/objects/{key}")
}

/// The bucket `files`.
pub(crate) async fn files(client: &Client, settings: Value) -> Value {
    client.post(BUCKETS, &json!({ "name": "files", "settings": settings })).await.expect(201)
}

pub(crate) async fn put(client: &Client, key: &str, bytes: &str) -> Reply {
    client.send("PUT", &path(key), Some(bytes.into())).await
}

/// Stores a text and gives the object.
pub(crate) async fn stored(client: &Client, key: &str, bytes: &str) -> Value {
    put(&client.with("content-type", "text/plain"), key, bytes).await.expect(201)
}

/// Bytes used, and bytes set aside.
pub(crate) async fn usage(client: &Client) -> (i64, i64) {
    let usage = client.get("/v1/storage/usage").await.expect(200);
    (usage["used_bytes"].as_i64().unwrap(), usage["reserved_bytes"].as_i64().unwrap())
}

/// The keys and prefixes of one page.
pub(crate) fn names(page: &Value) -> Vec<&str> {
    let name = |entry: &'_ Value| entry["key"].as_str().or(entry["prefix"].as_str()).is_some();
    let items = page["items"].as_array().unwrap();
    assert!(items.iter().all(name), "{page}");
    items.iter().filter_map(|entry| entry["key"].as_str().or(entry["prefix"].as_str())).collect()
}
