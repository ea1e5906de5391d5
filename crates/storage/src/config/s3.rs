//! `[storage.s3]` in the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, Secret, read_secret};

/// Files in a bucket of S3, or of a service that speaks its protocol. Nothing of the environment and of Amazon's own
/// files is read. It takes a program that was built with the feature `s3`.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S3Section {
    /// The bucket, which must be there. Set instead of `storage.directory`.
    pub bucket: Option<String>,
    /// The URL of the service, such as `https://s3.example:9000`; Amazon's own when absent.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// What names of objects begin with: empty, or words with `/` behind each.
    pub prefix: String,
    /// The bucket is in the path of URLs and not in the name of their host, as most services but Amazon's want it.
    pub path_style: bool,
    /// The name of the key that signs requests.
    pub access_key_id: Option<String>,
    /// The key that signs requests.
    pub secret_access_key: Option<Secret>,
    /// Instead of `secret_access_key`: a file that holds it.
    pub secret_access_key_file: Option<PathBuf>,
    /// Certificates that are trusted instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// The storage class to which lifecycle rules move bytes: `STANDARD_IA`, `ONEZONE_IA`, `INTELLIGENT_TIERING` or
    /// `GLACIER_IR`. Without one such rules are refused.
    pub cold_class: Option<String>,
}

impl Default for S3Section {
    fn default() -> Self {
        Self {
            bucket: None,
            endpoint: None,
            region: "us-east-1".to_owned(),
            prefix: String::new(),
            path_style: false,
            access_key_id: None,
            secret_access_key: None,
            secret_access_key_file: None,
            ca_file: None,
            cold_class: None,
        }
    }
}

impl S3Section {
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        let file = self.secret_access_key_file.as_deref();
        read_secret("storage.s3.secret_access_key", &mut self.secret_access_key, file)
    }

    pub(super) fn problems(&self, check: &mut impl FnMut(bool, &str)) {
        if self.bucket.is_none() {
            check(self.endpoint.is_none() && self.access_key_id.is_none(), "storage.s3.bucket is not set");
            return;
        }
        check(
            cfg!(feature = "s3"),
            "storage.s3.bucket is set, and this program was built without S3: build it with the feature s3",
        );
        check(self.access_key_id.is_some(), "storage.s3.access_key_id is not set");
        check(
            self.secret_access_key.is_some() || self.secret_access_key_file.is_some(),
            "storage.s3.secret_access_key or storage.s3.secret_access_key_file is not set",
        );
        #[cfg(feature = "s3")]
        if let Some(config) = self.config()
            && let Err(crate::Error::Setup(problem)) = config.check()
        {
            check(false, &format!("storage.s3: {}", problem.trim_start_matches("S3: ")));
        }
    }

    /// The same for the backend; none where no bucket is named, or no key.
    #[cfg(feature = "s3")]
    pub(crate) fn config(&self) -> Option<crate::backend::s3::S3Config> {
        use crate::backend::s3::S3Config;
        let (bucket, id) = (self.bucket.clone()?, self.access_key_id.clone()?);
        let secret = self.secret_access_key.clone()?;
        Some(S3Config {
            endpoint: self.endpoint.clone(),
            prefix: self.prefix.clone(),
            path_style: self.path_style,
            ca_file: self.ca_file.clone(),
            cold_class: self.cold_class.clone(),
            ..S3Config::new(self.region.clone(), bucket, id, secret)
        })
    }
}
