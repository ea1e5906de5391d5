//! Amazon's KMS, or a server that does as it does: `moto_server`, say. Which one, the environment says.

use std::sync::Arc;

use veza_core::SystemClock;
use veza_core::config::Secret;
use veza_storage::Error;
use veza_storage::crypt::{KmsConfig, KmsRootKey};

use super::keeps_keys;

#[allow(clippy::disallowed_methods, reason = "where a service is, only who starts the tests can say")]
fn variable(name: &str) -> Option<String> {
    std::env::var(format!("VEZA_TEST_KMS_{name}")).ok()
}

fn config() -> Option<KmsConfig> {
    let Some(endpoint) = variable("ENDPOINT") else {
        println!("not run on a KMS: VEZA_TEST_KMS_ENDPOINT is not set");
        return None;
    };
    Some(KmsConfig {
        key: variable("KEY").unwrap(),
        region: variable("REGION").unwrap_or_else(|| "us-east-1".to_owned()),
        endpoint: Some(endpoint),
        access_key_id: variable("ACCESS_KEY_ID").unwrap_or_else(|| "test".to_owned()),
        secret_access_key: Secret::new(variable("SECRET_ACCESS_KEY").unwrap_or_else(|| "test".to_owned())),
        ca_file: None,
    })
}

#[tokio::test]
async fn kms_keeps_keys() {
    let Some(config) = config() else { return };
    keeps_keys(&KmsRootKey::open(config.clone(), Arc::new(SystemClock)).await.unwrap()).await;
    let absent = KmsConfig { key: "00000000-0000-0000-0000-000000000000".to_owned(), ..config };
    let answer = KmsRootKey::open(absent, Arc::new(SystemClock)).await;
    assert!(matches!(answer, Err(Error::Setup(_))), "{answer:?}");
}

#[tokio::test]
async fn a_service_that_is_away_is_told() {
    let config = KmsConfig {
        key: "key".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some("http://127.0.0.1:1".to_owned()),
        access_key_id: "id".to_owned(),
        secret_access_key: Secret::new("secret"),
        ca_file: None,
    };
    let answer = KmsRootKey::open(config, Arc::new(SystemClock)).await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
}
