//! Storage as the configuration has it.

use std::sync::Arc;

use veza_core::{Db, Tasks};

use crate::backend::fs::{FsBackend, FsConfig};
use crate::crypt::{LocalRootKey, RootKey};
use crate::{Backend, Error, Storage, StorageConfig};

/// What rows call files in `storage.directory`.
const FILES: &str = "fs";
/// What rows call files in `storage.s3.bucket`.
#[cfg(feature = "s3")]
const S3: &str = "s3";

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

async fn backend(db: &Db, config: &StorageConfig, tasks: &Tasks) -> Result<Option<Named>, Error> {
    if let Some(directory) = config.directory.clone() {
        let backend = FsBackend::open(FsConfig::new(directory), Arc::clone(db.random())).await?;
        return Ok(Some((FILES, Arc::new(backend))));
    }
    bucket(db, config, tasks).await
}

/// Speaks to the bucket at once, so that what is wrong with it is known before anybody stores anything.
#[cfg(feature = "s3")]
async fn bucket(db: &Db, config: &StorageConfig, tasks: &Tasks) -> Result<Option<Named>, Error> {
    let Some(s3) = config.s3.config() else { return Ok(None) };
    let place = format!("{} at {}", s3.bucket, s3.endpoint.as_deref().unwrap_or("Amazon's S3"));
    let opened = crate::backend::s3::S3Backend::open(s3, tasks.clone(), Arc::clone(db.random())).await;
    let why = |error: Error| match error {
        Error::NotFound => "there is no such bucket".to_owned(),
        other => other.to_string(),
    };
    match opened {
        Ok(backend) => Ok(Some((S3, Arc::new(backend)))),
        Err(error) => {
            Err(Error::Setup(format!("storage.s3: the bucket {place} cannot be used: {}", why(error))))
        }
    }
}

#[cfg(not(feature = "s3"))]
#[allow(clippy::unused_async, reason = "as its other self")]
async fn bucket(_: &Db, _: &StorageConfig, _: &Tasks) -> Result<Option<Named>, Error> {
    Ok(None)
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
