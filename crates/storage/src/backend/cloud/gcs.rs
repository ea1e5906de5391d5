//! Google Cloud Storage.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::gcp::GoogleCloudStorageBuilder;
use veza_core::config::Secret;

use super::CloudConfig;
use super::connector::Direct;
use super::error::setup;
use crate::Error;

/// A bucket of Google's, and how to speak to the service.
#[derive(Debug, Clone)]
pub struct GcsConfig {
    /// The bucket. It must be there.
    pub bucket: String,
    /// The key of a service account that may read, write and list the bucket's objects: the JSON that Google gives.
    pub service_account_key: Secret,
    /// The URL of the service; none means Google's own.
    pub endpoint: Option<String>,
    /// What is the same for every cloud.
    pub cloud: CloudConfig,
}

impl GcsConfig {
    /// The usual settings: Google's own service.
    pub fn new(bucket: impl Into<String>, service_account_key: Secret) -> Self {
        Self { bucket: bucket.into(), service_account_key, endpoint: None, cloud: CloudConfig::default() }
    }

    /// What cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.cloud.check(self.endpoint.as_deref(), &self.bucket)
    }

    pub(super) fn store(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        self.check()?;
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&self.bucket)
            .with_service_account_key(self.service_account_key.expose())
            .with_retry(self.cloud.retries())
            .with_http_connector(Direct::new(&self.cloud)?);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_base_url(endpoint.trim_end_matches('/'));
        }
        Ok(Arc::new(builder.build().map_err(setup)?))
    }
}
