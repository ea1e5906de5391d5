//! Services to run the tests on.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::FutureExt;
use veza_core::config::Secret;
use veza_core::{SystemRandom, Tasks};
use veza_storage::Error;
use veza_storage::backend::cloud::{AzureConfig, CloudBackend, CloudConfig, GcsConfig};
use veza_testing_clouds::GcsServer;

use crate::conformance::stage::Stage;

pub(crate) async fn server() -> GcsServer {
    GcsServer::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await.unwrap()
}

pub(crate) async fn open_gcs(config: GcsConfig) -> Result<CloudBackend, Error> {
    CloudBackend::open_gcs(config, Tasks::new(), Arc::new(SystemRandom)).await
}

pub(crate) async fn stage_gcs(config: GcsConfig, keep: impl Any + Send + Sync) -> Stage {
    let (border, tasks) = (config.cloud.part_size, Tasks::new());
    let backend = CloudBackend::open_gcs(config, tasks.clone(), Arc::new(SystemRandom)).await.unwrap();
    of(backend, border, tasks, keep)
}

fn of(backend: CloudBackend, border: usize, tasks: Tasks, keep: impl Any + Send + Sync) -> Stage {
    let settle = move || {
        let tasks = tasks.clone();
        async move { assert!(tasks.stop(Duration::from_mins(1)).await) }.boxed()
    };
    Stage::new(Arc::new(backend), border, Box::new(settle), Box::new(keep))
}

pub(crate) async fn gcs() -> Stage {
    let server = server().await;
    stage_gcs(server.config(), server).await
}

pub(crate) async fn google() -> Option<Stage> {
    static SAID: Once = Once::new();
    let Some(bucket) = variable("GCS_BUCKET") else {
        SAID.call_once(|| eprintln!("not run on Google's service: VEZA_TEST_GCS_BUCKET is not set"));
        return None;
    };
    let key = std::fs::read_to_string(variable("GCS_KEY_FILE").unwrap()).unwrap();
    let cloud =
        CloudConfig { part_size: 5 * 1024 * 1024, prefix: "veza-test/".to_owned(), ..CloudConfig::default() };
    Some(stage_gcs(GcsConfig { cloud, ..GcsConfig::new(bucket, Secret::new(key)) }, ()).await)
}

/// Azurite or Azure, where the environment names one.
pub(crate) fn azure_config() -> Option<AzureConfig> {
    static SAID: Once = Once::new();
    let Some(account) = variable("AZURE_ACCOUNT") else {
        SAID.call_once(|| eprintln!("not run on Azure: VEZA_TEST_AZURE_ACCOUNT is not set"));
        return None;
    };
    let of = |name| variable(name).unwrap_or_else(|| panic!("VEZA_TEST_{name} is not set"));
    let cloud =
        CloudConfig { part_size: 64 * 1024, prefix: "veza-test/".to_owned(), ..CloudConfig::default() };
    let key = Secret::new(of("AZURE_ACCESS_KEY"));
    let config = AzureConfig::new(account, of("AZURE_CONTAINER"), key);
    Some(AzureConfig { endpoint: variable("AZURE_ENDPOINT"), cloud, ..config })
}

pub(crate) async fn azure() -> Option<Stage> {
    Some(stage_azure(azure_config()?).await)
}

pub(crate) async fn stage_azure(config: AzureConfig) -> Stage {
    let (border, tasks) = (config.cloud.part_size, Tasks::new());
    let backend = CloudBackend::open_azure(config, tasks.clone(), Arc::new(SystemRandom)).await.unwrap();
    of(backend, border, tasks, ())
}

#[allow(clippy::disallowed_methods, reason = "where a service is, only who starts the tests can say")]
fn variable(name: &str) -> Option<String> {
    std::env::var(format!("VEZA_TEST_{name}")).ok()
}
