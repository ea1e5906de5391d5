//! What is in the environment for others.

use std::path::Path;
use std::process::Command;

use crate::child;
use crate::conformance::bodies::pattern;
use crate::memory::config;
use crate::stage::{server, stage};

/// Configuration of other programs of this machine, all of which would break ours.
const OTHERS: [(&str, &str); 12] = [
    ("AWS_ACCESS_KEY_ID", "somebody"),
    ("AWS_SECRET_ACCESS_KEY", "else"),
    ("AWS_SESSION_TOKEN", "token"),
    ("AWS_REGION", "mars-north-1"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
    ("AWS_CA_BUNDLE", "/nonexistent"),
    ("AWS_CONFIG_FILE", "/nonexistent"),
    ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported"),
    ("AWS_MAX_ATTEMPTS", "0"),
    ("HTTP_PROXY", "http://127.0.0.1:1"),
    ("http_proxy", "http://127.0.0.1:1"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_changes_nothing() {
    let server = server().await;
    let config = server.config();
    let words = [config.endpoint.as_deref().unwrap(), &config.bucket, &config.access_key_id];
    let address = [&words[..], &[config.secret_access_key.expose()]].concat().join(" ");
    let mut child = child::command(Command::new(child::this()), "ambient::in_child", Path::new(&address), "");
    child.envs(OTHERS);
    tokio::task::spawn_blocking(move || child::succeed(child)).await.unwrap();
}

#[tokio::test]
#[ignore = "another test runs it in a process whose environment it sets"]
async fn in_child() {
    let (address, _) = child::orders();
    let stage = stage(config(address.to_str().unwrap()), ()).await;
    let key = stage.small().await;
    assert_eq!(stage.read(key).await, pattern(10, 1));
    stage.end().await;
}
