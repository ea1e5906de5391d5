//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aws_sdk_s3::Client;
use veza_core::{Random, Tasks};

use super::S3Config;
use super::client::{client, presigner};
use super::error::failed;
use crate::{BlobKey, Error};

/// The most bytes of an object at Amazon's.
pub(super) const MAX_OBJECT: u64 = 5 << 40;

/// The metadata that says who wrote an object.
pub(super) const WRITE: &str = "veza-write";

/// A bucket.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) config: S3Config,
    pub(super) client: Client,
    pub(super) presigner: Client,
    pub(super) tasks: Tasks,
    pub(super) random: Arc<dyn Random>,
    /// The service refuses to replace an object.
    pub(super) exclusive: bool,
    /// The service removes many objects at once, as far as we know.
    pub(super) bulk: AtomicBool,
}

/// What is known of an object.
pub(super) struct Head {
    pub(super) len: u64,
    /// The number of the write that made it.
    pub(super) write: Option<String>,
}

impl Store {
    pub(super) fn new(config: S3Config, tasks: Tasks, random: Arc<dyn Random>) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            client: client(&config)?,
            presigner: presigner(&config)?,
            config,
            tasks,
            random,
            exclusive: false,
            bulk: AtomicBool::new(true),
        })
    }

    /// The name of a blob's object.
    pub(super) fn name(&self, key: BlobKey) -> String {
        format!("{}{key}", self.config.prefix)
    }

    /// The number of a write.
    pub(super) fn write_number(&self) -> String {
        format!("{:032x}", u128::from_le_bytes(veza_core::bytes::<16>(&*self.random)))
    }

    /// What a request says that must not replace an object.
    pub(super) fn if_none_match(&self) -> Option<String> {
        self.exclusive.then(|| "*".to_owned())
    }

    pub(super) async fn head(&self, key: BlobKey) -> Result<Head, Error> {
        let request = self.client.head_object().bucket(&self.config.bucket).key(self.name(key));
        let answer = request.send().await.map_err(failed("look at an object"))?;
        let len = answer.content_length().and_then(|len| u64::try_from(len).ok());
        let write = answer.metadata().and_then(|all| all.get(WRITE)).cloned();
        Ok(Head { len: len.ok_or(Error::Corrupt("an object has no length"))?, write })
    }

    /// The object, if this write made it: its answer was lost.
    pub(super) async fn made_by(&self, key: BlobKey, write: &str) -> Result<Option<Head>, Error> {
        match self.head(key).await {
            Ok(head) => Ok(Some(head).filter(|head| head.write.as_deref() == Some(write))),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A length in memory.
pub(super) fn bytes(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A length as the library has it.
pub(super) fn signed(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
