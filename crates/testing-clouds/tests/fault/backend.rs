//! Blobs in a cloud.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;
use veza_core::config::Secret;
use veza_core::{SystemRandom, Tasks};
use veza_storage::Backend;
use veza_storage::backend::cloud::{AzureConfig, CloudBackend, CloudConfig};
use veza_testing_clouds::GcsServer;

use crate::store;

/// The service, in threads of its own.
pub(crate) struct Service {
    _google: Option<(GcsServer, Runtime)>,
}

impl Service {
    /// Starts it, unless the environment names one, and writes down where it is.
    pub(crate) fn start(directory: &Path) -> Self {
        if variable("ACCOUNT").is_some() {
            println!("fault: on Azure");
            return Self { _google: None };
        }
        let runtime = store::runtime();
        let server = runtime.block_on(GcsServer::start(directory)).unwrap();
        let config = server.config();
        let key = config.service_account_key.expose();
        let place = format!("{} {} {key}", config.endpoint.as_deref().unwrap(), config.bucket);
        std::fs::write(directory.join("place"), place).unwrap();
        Self { _google: Some((server, runtime)) }
    }

    /// Uploads that a killed process leaves cannot be listed by any backend; they have no name in the bucket, and end by
    /// its rule, or by themselves with Azure.
    #[expect(clippy::unused_self, reason = "other services can be asked")]
    pub(crate) fn judge(&self) {}
}

pub(crate) async fn open(directory: &Path) -> Arc<dyn Backend> {
    let (tasks, random) = (Tasks::new(), Arc::new(SystemRandom));
    if let Some(account) = variable("ACCOUNT") {
        let key = Secret::new(variable("ACCESS_KEY").unwrap());
        let cloud =
            CloudConfig { part_size: 64 * 1024, prefix: "veza-fault/".to_owned(), ..CloudConfig::default() };
        let config = AzureConfig::new(account, variable("CONTAINER").unwrap(), key);
        let config = AzureConfig { endpoint: variable("ENDPOINT"), cloud, ..config };
        return Arc::new(CloudBackend::open_azure(config, tasks, random).await.unwrap());
    }
    let place = std::fs::read_to_string(directory.join("place")).unwrap();
    let [endpoint, bucket, key] = place.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let config = GcsServer::config_of(endpoint.to_owned(), bucket, key);
    Arc::new(CloudBackend::open_gcs(config, tasks, random).await.unwrap())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(format!("VEZA_TEST_AZURE_{name}")).ok()
}
