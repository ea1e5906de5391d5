//! Storage as the configuration has it.

use std::sync::Arc;

use veza_core::{Db, Tasks};

#[cfg(any(feature = "azure", feature = "gcs"))]
use crate::backend::cloud::CloudBackend;
use crate::backend::fs::{FsBackend, FsConfig};
use crate::crypt::{LocalRootKey, RootKey};
use crate::{Backend, Error, Storage, StorageConfig};

/// What rows call files in `storage.directory`.
const FILES: &str = "fs";

/// A backend, and what rows call it for ever.
type Named = (&'static str, Arc<dyn Backend>);

impl Storage {
    /// Files in the directory or in the bucket that is configured, encrypted with the root key that is; none where there
    /// is neither. `tasks` end what a request to the bucket left.
    ///
    /// # Errors
    /// [`Error::Setup`] when the directory, the bucket or the root key cannot be used.
    pub async fn configured(db: Db, config: StorageConfig, tasks: &Tasks) -> Result<Option<Self>, Error> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(Error::Setup(problems.join("; ")));
        }
        let Some((name, backend)) = backend(&db, &config, tasks).await? else { return Ok(None) };
        let root = root_key(&db, &config).await?;
        Self::new(db, config, name, backend, root).map(Some)
    }
}

#[cfg_attr(
    not(any(feature = "azure", feature = "gcs", feature = "s3")),
    allow(unused_variables, reason = "only services leave anything to be ended")
)]
async fn backend(db: &Db, config: &StorageConfig, tasks: &Tasks) -> Result<Option<Named>, Error> {
    if let Some(directory) = config.directory.clone() {
        let backend = FsBackend::open(FsConfig::new(directory), Arc::clone(db.random())).await?;
        return Ok(Some((FILES, Arc::new(backend))));
    }
    #[cfg(feature = "s3")]
    if let Some(s3) = config.s3.config() {
        let place = format!("{} at {}", s3.bucket, s3.endpoint.as_deref().unwrap_or("Amazon's S3"));
        let opened = crate::backend::s3::S3Backend::open(s3, tasks.clone(), Arc::clone(db.random())).await;
        return Ok(Some(("s3", Arc::new(opened.map_err(unusable("s3", place))?))));
    }
    #[cfg(feature = "gcs")]
    if let Some(gcs) = config.gcs.config() {
        let place = format!("{} at {}", gcs.bucket, gcs.endpoint.as_deref().unwrap_or("Google's own"));
        let opened = CloudBackend::open_gcs(gcs, tasks.clone(), Arc::clone(db.random())).await;
        return Ok(Some(("gcs", Arc::new(opened.map_err(unusable("gcs", place))?))));
    }
    #[cfg(feature = "azure")]
    if let Some(azure) = config.azure.config() {
        let place = format!("{} at {}", azure.container, azure.endpoint.as_deref().unwrap_or("Azure's own"));
        let opened = CloudBackend::open_azure(azure, tasks.clone(), Arc::clone(db.random())).await;
        return Ok(Some(("azure", Arc::new(opened.map_err(unusable("azure", place))?))));
    }
    Ok(None)
}

/// Services are spoken to at once, so that what is wrong with one is known before anybody stores anything.
#[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
fn unusable(section: &'static str, place: String) -> impl FnOnce(Error) -> Error {
    move |error| {
        let why = match error {
            Error::NotFound => "there is no such bucket".to_owned(),
            other => other.to_string(),
        };
        Error::Setup(format!("storage.{section}: the bucket {place} cannot be used: {why}"))
    }
}

/// The root key, wherever it is.
async fn root_key(db: &Db, config: &StorageConfig) -> Result<Option<Arc<dyn RootKey>>, Error> {
    #[cfg(feature = "kms")]
    if let Some(kms) = config.kms.config() {
        let root = crate::crypt::KmsRootKey::open(kms, Arc::clone(db.clock())).await.map_err(at("kms"))?;
        return Ok(Some(Arc::new(root)));
    }
    #[cfg(feature = "vault")]
    if let Some(vault) = config.vault.config() {
        return Ok(Some(Arc::new(crate::crypt::VaultRootKey::open(vault).await.map_err(at("vault"))?)));
    }
    let Some(path) = config.root_key_file.clone() else { return Ok(None) };
    let random = Arc::clone(db.random());
    let opened = tokio::task::spawn_blocking(move || LocalRootKey::open(&path, random)).await;
    let failed = |panic| Error::Failed { what: "reading the root key", source: Box::new(panic) };
    Ok(Some(Arc::new(opened.map_err(failed)??)))
}

#[cfg(any(feature = "kms", feature = "vault"))]
fn at(section: &'static str) -> impl FnOnce(Error) -> Error {
    move |error| Error::Setup(format!("storage.{section}: the root key cannot be used: {error}"))
}
