//! Large bodies in little memory.

use std::path::Path;
use std::process::Command;

use veza_storage::backend::cloud::CloudConfig;
use veza_testing_clouds::GcsServer;

use crate::child;
use crate::conformance::memory::a_large_body_passes;
use crate::stage::{azure_config, server, stage_azure, stage_gcs};

async fn in_children(service: &str, address: &str) {
    for mode in ["streamed", "buffered"] {
        let program = Command::new(child::this());
        let mode = format!("{service} {mode}");
        let child = child::command(program, "memory::in_child", Path::new(address), &mode);
        tokio::task::spawn_blocking(move || child::succeed(child)).await.unwrap();
    }
}

/// The server is in this process, so that the child has the client alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_never_in_memory() {
    let server = server().await;
    let config = server.config();
    let words = [config.endpoint.as_deref().unwrap(), &config.bucket, config.service_account_key.expose()];
    in_children("gcs", &words.join(" ")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_one_that_goes_to_azure() {
    if azure_config().is_some() {
        in_children("azure", "by the environment").await;
    }
}

#[tokio::test]
#[ignore = "another test runs it in a process of its own, and measures that"]
async fn in_child() {
    let (address, mode) = child::orders();
    let (service, mode) = mode.split_once(' ').unwrap();
    let part_size = CloudConfig::default().part_size;
    let stage = if service == "azure" {
        let mut config = azure_config().unwrap();
        config.cloud.part_size = part_size;
        stage_azure(config).await
    } else {
        let [endpoint, bucket, key] =
            address.to_str().unwrap().splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
        let mut config = GcsServer::config_of(endpoint.to_owned(), bucket, key);
        config.cloud.part_size = part_size;
        stage_gcs(config, ()).await
    };
    a_large_body_passes(&stage, mode).await;
}
