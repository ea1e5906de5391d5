//! Credentials and places that are not right.

use std::sync::Arc;

use veza_core::config::Secret;
use veza_core::{SystemRandom, Tasks};
use veza_storage::Error;
use veza_storage::backend::cloud::{AzureConfig, CloudBackend, GcsConfig};

use crate::stage::{azure_config, open_gcs, server};

#[tokio::test]
async fn a_key_of_another_account_is_refused() {
    let (server, other) = (server().await, server().await);
    let wrong = GcsConfig { service_account_key: other.config().service_account_key, ..server.config() };
    let answer = open_gcs(wrong).await;
    assert!(matches!(answer, Err(Error::Refused(_))), "{answer:?}");
    open_gcs(server.config()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_key_is_told_at_once() {
    let server = server().await;
    let wrong = GcsConfig { service_account_key: Secret::new("{}"), ..server.config() };
    assert!(matches!(open_gcs(wrong).await, Err(Error::Setup(_))));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told() {
    let server = server().await;
    let answer = open_gcs(GcsConfig { bucket: "absent".to_owned(), ..server.config() }).await;
    assert!(matches!(&answer, Err(Error::Setup(text)) if text.contains("no such bucket")), "{answer:?}");
}

async fn open(config: AzureConfig) -> Result<CloudBackend, Error> {
    CloudBackend::open_azure(config, Tasks::new(), Arc::new(SystemRandom)).await
}

#[tokio::test]
async fn azure_refuses_as_well() {
    let Some(config) = azure_config() else { return };
    let key = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let answer = open(AzureConfig { access_key: key, ..config.clone() }).await;
    assert!(matches!(answer, Err(Error::Refused(_))), "{answer:?}");
    let answer = open(AzureConfig { container: "absent".to_owned(), ..config.clone() }).await;
    assert!(matches!(&answer, Err(Error::Setup(text)) if text.contains("no such bucket")), "{answer:?}");
    open(config).await.unwrap();
}
