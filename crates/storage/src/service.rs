//! Files of one deployment, and what is asked of them.

use std::sync::Arc;

use veza_core::Db;

use crate::backend::Measured;
use crate::crypt::RootKey;
use crate::keyring::Keyring;
use crate::traffic::Traffic;
use crate::{Backend, Error, StorageConfig};

/// The files of one deployment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    config: StorageConfig,
    name: String,
    backend: Arc<dyn Backend>,
    keys: Option<Keyring>,
    traffic: Traffic,
}

impl Storage {
    /// Files in `backend`, which rows call `name` for ever. With a `root` key stored bytes are encrypted, where
    /// buckets do not say otherwise.
    ///
    /// # Errors
    /// [`Error::Setup`] when the configuration cannot work.
    pub fn new(
        db: Db,
        config: StorageConfig,
        name: &str,
        backend: Arc<dyn Backend>,
        root: Option<Arc<dyn RootKey>>,
    ) -> Result<Self, Error> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(Error::Setup(problems.join("; ")));
        }
        let keys = root.map(|root| Keyring::new(db.clone(), root));
        Ok(Self {
            inner: Arc::new(Inner {
                db,
                config,
                name: name.to_owned(),
                backend: Arc::new(Measured(backend)),
                keys,
                traffic: Traffic::default(),
            }),
        })
    }

    /// The database behind it.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// Whether there is a root key, so that stored bytes can be encrypted and URLs signed.
    pub fn can_encrypt(&self) -> bool {
        self.inner.keys.is_some()
    }

    /// The configuration in force.
    pub fn config(&self) -> &StorageConfig {
        &self.inner.config
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.inner.backend
    }

    pub(crate) fn backend_name(&self) -> &str {
        &self.inner.name
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.inner.traffic
    }

    pub(crate) fn keys(&self) -> Option<&Keyring> {
        self.inner.keys.as_ref()
    }
}
