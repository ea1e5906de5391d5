//! `[storage.gcs]` and `[storage.azure]` in the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, Secret, read_secret};

/// Files in a bucket of Google Cloud Storage. Nothing of the environment and of Google's own files is read. It takes a
/// program that was built with the feature `gcs`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GcsSection {
    /// The bucket, which must be there. Set instead of `storage.directory`.
    pub bucket: Option<String>,
    /// What names of objects begin with: empty, or words with `/` behind each.
    pub prefix: String,
    /// The key of a service account that may read, write and list objects: the JSON that Google gives.
    pub service_account_key: Option<Secret>,
    /// Instead of `service_account_key`: a file that holds it.
    pub service_account_key_file: Option<PathBuf>,
    /// The URL of the service; Google's own when absent.
    pub endpoint: Option<String>,
    /// Certificates that are trusted instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
}

/// Files in a container of Azure Blob Storage. Nothing of the environment is read. It takes a program that was built
/// with the feature `azure`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AzureSection {
    /// The container, which must be there. Set instead of `storage.directory`.
    pub container: Option<String>,
    /// What names of blobs begin with: empty, or words with `/` behind each.
    pub prefix: String,
    /// The storage account.
    pub account: Option<String>,
    /// The key of the account, in Base64.
    pub access_key: Option<Secret>,
    /// Instead of `access_key`: a file that holds it.
    pub access_key_file: Option<PathBuf>,
    /// The URL of the account's blob service; Azure's own when absent.
    pub endpoint: Option<String>,
    /// Certificates that are trusted instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
}

impl GcsSection {
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        let file = self.service_account_key_file.as_deref();
        read_secret("storage.gcs.service_account_key", &mut self.service_account_key, file)
    }

    pub(super) fn problems(&self, check: &mut impl FnMut(bool, &str)) {
        if self.bucket.is_none() {
            let unused = self.endpoint.is_none() && self.service_account_key.is_none();
            check(unused, "storage.gcs.bucket is not set");
            return;
        }
        check(
            cfg!(feature = "gcs"),
            "storage.gcs.bucket is set, and this program was built without it: build it with the feature gcs",
        );
        check(
            self.service_account_key.is_some() || self.service_account_key_file.is_some(),
            "storage.gcs.service_account_key or storage.gcs.service_account_key_file is not set",
        );
        #[cfg(feature = "gcs")]
        if let Some(config) = self.config()
            && let Err(crate::Error::Setup(problem)) = config.check()
        {
            check(false, &format!("storage.gcs: {problem}"));
        }
    }

    /// The same for the backend; none where no bucket is named, or no key.
    #[cfg(feature = "gcs")]
    pub(crate) fn config(&self) -> Option<crate::backend::cloud::GcsConfig> {
        use crate::backend::cloud::GcsConfig;
        let (bucket, key) = (self.bucket.clone()?, self.service_account_key.clone()?);
        let cloud = cloud(&self.prefix, self.ca_file.as_deref());
        Some(GcsConfig { endpoint: self.endpoint.clone(), cloud, ..GcsConfig::new(bucket, key) })
    }
}

impl AzureSection {
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        let file = self.access_key_file.as_deref();
        read_secret("storage.azure.access_key", &mut self.access_key, file)
    }

    pub(super) fn problems(&self, check: &mut impl FnMut(bool, &str)) {
        if self.container.is_none() {
            let unused = self.endpoint.is_none() && self.account.is_none();
            check(unused, "storage.azure.container is not set");
            return;
        }
        check(
            cfg!(feature = "azure"),
            "storage.azure.container is set, and this program was built without it: build it with the feature azure",
        );
        check(self.account.is_some(), "storage.azure.account is not set");
        check(
            self.access_key.is_some() || self.access_key_file.is_some(),
            "storage.azure.access_key or storage.azure.access_key_file is not set",
        );
        #[cfg(feature = "azure")]
        if let Some(config) = self.config()
            && let Err(crate::Error::Setup(problem)) = config.check()
        {
            check(false, &format!("storage.azure: {problem}"));
        }
    }

    /// The same for the backend; none where no container is named, or no key.
    #[cfg(feature = "azure")]
    pub(crate) fn config(&self) -> Option<crate::backend::cloud::AzureConfig> {
        use crate::backend::cloud::AzureConfig;
        let (account, container) = (self.account.clone()?, self.container.clone()?);
        let key = self.access_key.clone()?;
        Some(AzureConfig {
            endpoint: self.endpoint.clone(),
            cloud: cloud(&self.prefix, self.ca_file.as_deref()),
            ..AzureConfig::new(account, container, key)
        })
    }
}

/// What is configured of both.
#[cfg(any(feature = "azure", feature = "gcs"))]
fn cloud(prefix: &str, ca_file: Option<&std::path::Path>) -> crate::backend::cloud::CloudConfig {
    crate::backend::cloud::CloudConfig {
        prefix: prefix.to_owned(),
        ca_file: ca_file.map(Into::into),
        ..crate::backend::cloud::CloudConfig::default()
    }
}
