//! `[storage]` in the configuration.

mod cloud;
mod root;
mod s3;

use std::path::PathBuf;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, Period};

pub use self::cloud::{AzureSection, GcsSection};
pub use self::root::{KmsSection, VaultSection};
pub use self::s3::S3Section;

/// Files of tenants.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// The directory of the files, on a local or a network file system. Without one, and without a bucket of a
    /// service, there is no storage. All processes need the same.
    pub directory: Option<PathBuf>,
    /// Where nginx serves `blobs/` below the directory, such as `/veza-blobs/`: an `internal` location. Requests with
    /// `X-Sendfile-Type: X-Accel-Redirect`, which nginx must set, are answered with the name of a file there when
    /// its bytes are not encrypted.
    pub accel_location: Option<String>,
    /// A file of root keys, of which the first encrypts: a line `name base64` with 32 bytes for each, made for
    /// example by `echo "first $(openssl rand -base64 32)"`. Without one, nothing is encrypted and no URL signed.
    /// Keep a copy: what is encrypted is lost without it.
    pub root_key_file: Option<PathBuf>,
    /// The most bytes that an organisation stores, uploads under way included; no limit when absent. An operator
    /// sets another one for a single organisation.
    pub quota_bytes: Option<i64>,
    /// For how long what was deleted or overwritten can be restored. Keep it as long as backups of the database
    /// reach back: a database that is restored still finds its bytes then.
    pub recovery_window: Period,
    /// An upload of which nothing is heard for so long is given up. At least 10s.
    pub upload_timeout: Period,
    /// An upload in parts to which nothing comes for so long is given up.
    pub upload_lifetime: Period,
    /// Removed bytes are looked for once more after so long, in case that who wrote them was only slow.
    pub second_look: Period,
    /// Files in a bucket.
    pub s3: S3Section,
    /// Files in a bucket of Google's.
    pub gcs: GcsSection,
    /// Files in a container of Azure's.
    pub azure: AzureSection,
    /// The root key in KMS.
    pub kms: KmsSection,
    /// The root key in Vault.
    pub vault: VaultSection,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            directory: None,
            accel_location: None,
            root_key_file: None,
            quota_bytes: None,
            recovery_window: Period::from_secs(30 * 24 * 3_600),
            upload_timeout: Period::from_secs(120),
            upload_lifetime: Period::from_secs(7 * 24 * 3_600),
            second_look: Period::from_secs(3_600),
            s3: S3Section::default(),
            gcs: GcsSection::default(),
            azure: AzureSection::default(),
            kms: KmsSection::default(),
            vault: VaultSection::default(),
        }
    }
}

impl StorageConfig {
    /// Reads the secrets that stand in files.
    pub fn read_files(&mut self) -> Result<(), ConfigError> {
        self.s3.read_files()?;
        self.gcs.read_files()?;
        self.azure.read_files()?;
        self.kms.read_files()?;
        self.vault.read_files()
    }

    /// Whether it is said where files are.
    pub fn has_place(&self) -> bool {
        let buckets = [&self.s3.bucket, &self.gcs.bucket, &self.azure.container];
        self.directory.is_some() || buckets.into_iter().any(Option::is_some)
    }

    /// Whether it is said where the root key is.
    pub fn has_root_key(&self) -> bool {
        self.root_key_file.is_some() || self.kms.key.is_some() || self.vault.url.is_some()
    }

    /// What cannot work, in sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        let places = [self.directory.is_some(), self.s3.bucket.is_some(), self.gcs.bucket.is_some()];
        let places = places.into_iter().chain([self.azure.container.is_some()]).filter(|set| *set);
        check(
            places.count() <= 1,
            "storage.directory, storage.s3.bucket, storage.gcs.bucket, storage.azure.container: files are in one of them",
        );
        self.s3.problems(&mut check);
        self.gcs.problems(&mut check);
        self.azure.problems(&mut check);
        self.kms.problems(&mut check);
        self.vault.problems(&mut check);
        let roots = [self.root_key_file.is_some(), self.kms.key.is_some(), self.vault.url.is_some()];
        check(
            roots.into_iter().filter(|set| *set).count() <= 1,
            "storage.root_key_file, storage.kms.key and storage.vault.url: the root key is in one of them",
        );
        if let Some(location) = &self.accel_location {
            let path = location.starts_with('/') && location.ends_with('/');
            if !path || !location.bytes().all(|byte| byte.is_ascii_graphic()) {
                problems.push("storage.accel_location must begin and end with /".to_owned());
            }
        }
        if self.upload_timeout < Period::from_secs(10) {
            problems.push("storage.upload_timeout must be at least 10s".to_owned());
        }
        if self.quota_bytes.is_some_and(|bytes| bytes < 0) {
            problems.push("storage.quota_bytes must be 0 or more".to_owned());
        }
        problems
    }

    pub(crate) fn window(&self) -> TimeDelta {
        span(self.recovery_window)
    }

    pub(crate) fn lease(&self) -> TimeDelta {
        span(self.upload_timeout)
    }

    pub(crate) fn lifetime(&self) -> TimeDelta {
        span(self.upload_lifetime)
    }

    pub(crate) fn grace(&self) -> TimeDelta {
        span(self.second_look)
    }
}

fn span(period: Period) -> TimeDelta {
    TimeDelta::from_std(period.as_duration()).unwrap_or(TimeDelta::MAX)
}
