//! Large bodies in little memory.

use std::path::Path;
use std::process::Command;

use veza_core::config::Secret;
use veza_storage::backend::s3::S3Config;

use crate::child;
use crate::conformance::memory::a_large_body_passes;
use crate::stage::{server, stage};

/// The server is in this process, so that the child has the client alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_never_in_memory() {
    let server = server().await;
    let config = server.config();
    let words = [config.endpoint.as_deref().unwrap(), &config.bucket, &config.access_key_id];
    let address = [&words[..], &[config.secret_access_key.expose()]].concat().join(" ");
    for mode in ["streamed", "buffered"] {
        let program = Command::new(child::this());
        let child = child::command(program, "memory::in_child", Path::new(&address), mode);
        tokio::task::spawn_blocking(move || child::succeed(child)).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "another test runs it in a process of its own, and measures that"]
async fn in_child() {
    let (address, mode) = child::orders();
    let stage = stage(config(address.to_str().unwrap()), ()).await;
    a_large_body_passes(&stage, &mode).await;
}

/// With parts of the usual size.
pub(crate) fn config(address: &str) -> S3Config {
    let [endpoint, bucket, id, secret] = address.split(' ').collect::<Vec<_>>().try_into().unwrap();
    S3Config::new("eu-test-1", bucket, id, Secret::new(secret)).with_endpoint(endpoint)
}
