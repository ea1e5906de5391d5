//! Azure Blob Storage.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::azure::MicrosoftAzureBuilder;
use veza_core::config::Secret;

use super::CloudConfig;
use super::connector::Direct;
use super::error::setup;
use crate::Error;
use crate::backend::names;

/// A container of Azure's, and how to speak to the service.
#[derive(Debug, Clone)]
pub struct AzureConfig {
    /// The storage account.
    pub account: String,
    /// The container. It must be there.
    pub container: String,
    /// The key of the account, in Base64.
    pub access_key: Secret,
    /// The URL of the account's blob service; none means Azure's own.
    pub endpoint: Option<String>,
    /// What is the same for every cloud.
    pub cloud: CloudConfig,
}

impl AzureConfig {
    /// The usual settings: Azure's own service.
    pub fn new(account: impl Into<String>, container: impl Into<String>, access_key: Secret) -> Self {
        let (account, container) = (account.into(), container.into());
        Self { account, container, access_key, endpoint: None, cloud: CloudConfig::default() }
    }

    /// What cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !names::is_word(&self.account) {
            return Err(Error::Setup("the account is a word".to_owned()));
        }
        self.cloud.check(self.endpoint.as_deref(), &self.container)
    }

    pub(super) fn store(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        self.check()?;
        let plain = self.endpoint.as_deref().is_some_and(|url| url.starts_with("http://"));
        let mut builder = MicrosoftAzureBuilder::new()
            .with_account(&self.account)
            .with_container_name(&self.container)
            .with_access_key(self.access_key.expose())
            .with_allow_http(plain)
            .with_retry(self.cloud.retries())
            .with_http_connector(Direct::new(&self.cloud)?);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        Ok(Arc::new(builder.build().map_err(setup)?))
    }
}
