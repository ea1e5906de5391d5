//! A process that does everything at once, to be killed.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::{StreamExt, future, stream};
use uuid::Uuid;
use veza_core::config::Secret;
use veza_core::db::{DatabaseConfig, PoolConfig};
use veza_core::page::PageRequest;
use veza_core::{Caller, Db, SystemRandom, TenantId, bytes};
use veza_storage::object::{self, Attributes, Condition, Copy};
use veza_storage::{Error, NewObject, ObjectKey, Storage};

use crate::store::{self, BUCKET, content};

/// Things under way at once.
const AT_ONCE: usize = 6;
const WINDOW: TimeDelta = TimeDelta::seconds(1);

/// Works until it is killed.
pub(crate) fn run(url: &str, directory: &Path, tenant: Uuid) {
    // The parent's end is our end.
    std::thread::spawn(|| {
        let _closed = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let pool =
        PoolConfig { connections: 4, system_connections: 1, jobs_connections: 1, ..PoolConfig::default() };
    let config = DatabaseConfig { url: Some(Secret::new(url)), pool, ..DatabaseConfig::default() };
    store::runtime().block_on(async {
        let (storage, _) = store::open(Db::open(&config).unwrap(), directory).await;
        let worker = Worker { storage, caller: Caller::system(TenantId::from_verified(tenant)) };
        future::join_all((0..AT_ONCE).map(|_| worker.work())).await;
    });
}

struct Worker {
    storage: Storage,
    caller: Caller,
}

impl Worker {
    async fn work(&self) {
        loop {
            match self.act().await {
                Ok(()) | Err(Error::Absent(_) | Error::PreconditionFailed | Error::LeaseLost) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn act(&self) -> Result<(), Error> {
        let [what, one, other, seed, small, large] = bytes::<6>(&SystemRandom);
        let (one, other) = (key(one % 24), key(other % 24));
        match what {
            0..120 => self.put(one, seed, usize::from(small) << (large % 12)).await,
            120..170 => self.copy(one, other).await,
            170..220 => self.delete(one).await,
            220..245 => self.restore(one).await,
            _ => self.storage.reap(self.caller.tenant()).await.map(drop),
        }
    }

    async fn put(&self, key: ObjectKey, seed: u8, len: usize) -> Result<(), Error> {
        let metadata = BTreeMap::from([("seed".to_owned(), seed.to_string())]);
        let new = NewObject {
            bucket: BUCKET.to_owned(),
            key,
            attributes: Attributes {
                content_type: "text/plain".to_owned(),
                metadata,
                ..Attributes::default()
            },
            len: seed.is_multiple_of(2).then_some(u64::try_from(len).unwrap()),
            expected: veza_storage::digest::Expected::default(),
            condition: Condition::default(),
        };
        let chunks: Vec<_> = content(seed, len).chunks(16_384).map(Bytes::copy_from_slice).map(Ok).collect();
        // As a slow client's, so that it can be killed in the middle.
        let slowly = stream::iter(chunks).then(async |chunk| {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            chunk
        });
        let permit = self.caller.permit()?;
        self.storage.put(&self.caller, &permit, new, Box::pin(slowly)).await.map(drop)
    }

    async fn copy(&self, from: ObjectKey, to: ObjectKey) -> Result<(), Error> {
        let (read, write) = (self.caller.permit()?, self.caller.permit()?);
        let copy = Copy {
            from_bucket: BUCKET.to_owned(),
            from_key: from,
            from_version: None,
            bucket: BUCKET.to_owned(),
            key: to,
            attributes: None,
            condition: Condition::default(),
        };
        let copied = move |tx: &mut veza_core::TenantTx<'_>| object::copy(tx, &read, &write, &copy, WINDOW);
        self.storage.db().tenant(&self.caller, copied).await.map(drop)
    }

    async fn delete(&self, key: ObjectKey) -> Result<(), Error> {
        let permit = self.caller.permit()?;
        let delete = move |tx: &mut veza_core::TenantTx<'_>| {
            object::delete(tx, &permit, BUCKET, &key, &Condition::default(), WINDOW)
        };
        self.storage.db().tenant(&self.caller, delete).await
    }

    /// The oldest version that is still there.
    async fn restore(&self, key: ObjectKey) -> Result<(), Error> {
        let (read, permit) = (self.caller.permit()?, self.caller.permit()?);
        let restore = move |tx: &mut veza_core::TenantTx<'_>| {
            let page = PageRequest { limit: 50, after: None };
            let versions = object::versions(tx, &read, BUCKET, &key, true, &page)?;
            let Some(last) = versions.items.last() else { return Ok(()) };
            object::restore(tx, &permit, BUCKET, &key, last.version_id, None, WINDOW).map(drop)
        };
        self.storage.db().tenant(&self.caller, restore).await
    }
}

fn key(number: u8) -> ObjectKey {
    ObjectKey::new(format!("folder-{}/{number}", number % 3)).unwrap()
}
