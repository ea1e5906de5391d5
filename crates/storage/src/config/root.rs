//! Where the root key is, in the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, Secret, read_secret};

/// The root key in Amazon's KMS, instead of in a file. It takes a program that was built with the feature `kms`.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KmsSection {
    /// The key's id or ARN.
    pub key: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The URL of the service; Amazon's own when absent.
    pub endpoint: Option<String>,
    /// The name of the key that signs requests.
    pub access_key_id: Option<String>,
    /// The key that signs requests.
    pub secret_access_key: Option<Secret>,
    /// Instead of `secret_access_key`: a file that holds it.
    pub secret_access_key_file: Option<PathBuf>,
    /// Certificates that are trusted besides the system's, as PEM.
    pub ca_file: Option<PathBuf>,
}

impl Default for KmsSection {
    fn default() -> Self {
        Self {
            key: None,
            region: "us-east-1".to_owned(),
            endpoint: None,
            access_key_id: None,
            secret_access_key: None,
            secret_access_key_file: None,
            ca_file: None,
        }
    }
}

/// The root key in the transit engine of Vault, instead of in a file. It takes a program that was built with the
/// feature `vault`.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VaultSection {
    /// The service, such as `https://vault.example:8200`.
    pub url: Option<String>,
    /// Where the engine is mounted.
    pub mount: String,
    /// The name of the key, of type `aes256-gcm96`.
    pub key: String,
    /// What shows that we may encrypt and decrypt with the key, and read it.
    pub token: Option<Secret>,
    /// Instead of `token`: a file that holds it.
    pub token_file: Option<PathBuf>,
    /// Certificates that are trusted besides the system's, as PEM.
    pub ca_file: Option<PathBuf>,
}

impl Default for VaultSection {
    fn default() -> Self {
        Self {
            url: None,
            mount: "transit".to_owned(),
            key: "veza".to_owned(),
            token: None,
            token_file: None,
            ca_file: None,
        }
    }
}

impl KmsSection {
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        let file = self.secret_access_key_file.as_deref();
        read_secret("storage.kms.secret_access_key", &mut self.secret_access_key, file)
    }

    pub(super) fn problems(&self, check: &mut impl FnMut(bool, &str)) {
        if self.key.is_none() {
            check(self.access_key_id.is_none() && self.endpoint.is_none(), "storage.kms.key is not set");
            return;
        }
        check(
            cfg!(feature = "kms"),
            "storage.kms.key is set, and this program was built without it: build it with the feature kms",
        );
        check(self.access_key_id.is_some(), "storage.kms.access_key_id is not set");
        check(
            self.secret_access_key.is_some() || self.secret_access_key_file.is_some(),
            "storage.kms.secret_access_key or storage.kms.secret_access_key_file is not set",
        );
    }

    /// The same for the root key; none where no key is named.
    #[cfg(feature = "kms")]
    pub(crate) fn config(&self) -> Option<crate::crypt::KmsConfig> {
        Some(crate::crypt::KmsConfig {
            key: self.key.clone()?,
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            access_key_id: self.access_key_id.clone()?,
            secret_access_key: self.secret_access_key.clone()?,
            ca_file: self.ca_file.clone(),
        })
    }
}

impl VaultSection {
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        read_secret("storage.vault.token", &mut self.token, self.token_file.as_deref())
    }

    pub(super) fn problems(&self, check: &mut impl FnMut(bool, &str)) {
        if self.url.is_none() {
            check(self.token.is_none(), "storage.vault.url is not set");
            return;
        }
        check(
            cfg!(feature = "vault"),
            "storage.vault.url is set, and this program was built without it: build it with the feature vault",
        );
        check(
            self.token.is_some() || self.token_file.is_some(),
            "storage.vault.token or storage.vault.token_file is not set",
        );
    }

    /// The same for the root key; none where no service is named.
    #[cfg(feature = "vault")]
    pub(crate) fn config(&self) -> Option<crate::crypt::VaultConfig> {
        Some(crate::crypt::VaultConfig {
            url: self.url.clone()?,
            mount: self.mount.clone(),
            key: self.key.clone(),
            token: self.token.clone()?,
            ca_file: self.ca_file.clone(),
        })
    }
}
