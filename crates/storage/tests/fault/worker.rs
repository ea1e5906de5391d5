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
use veza_core::{Caller, Db, SystemRandom, TenantId, TenantTx, bytes};
use veza_storage::lifecycle::{self, NewLifecycle, Noncurrent, Rule};
use veza_storage::object::{self, Attributes, Condition, Copy};
use veza_storage::upload::{self, NewPart, NewUpload, Protocol};
use veza_storage::{Error, NewObject, ObjectKey, Storage};

use crate::store::{self, BUCKETS, VERSIONED, content};

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

/// Where an object is.
#[derive(Clone)]
struct Place {
    bucket: &'static str,
    key: ObjectKey,
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
        let (one, other) = (place(one % 24), place(other % 24));
        match what {
            0..30 => self.parts(one, seed, usize::from(small) << (large % 10)).await,
            30..120 => self.put(one, seed, usize::from(small) << (large % 12)).await,
            120..170 => self.copy(one, other).await,
            170..220 => self.delete(one).await,
            220..240 => self.restore(one).await,
            240..248 => self.obey_rules().await,
            _ => self.storage.reap(self.caller.tenant()).await.map(drop),
        }
    }

    async fn put(&self, place: Place, seed: u8, len: usize) -> Result<(), Error> {
        let new = NewObject {
            bucket: place.bucket.to_owned(),
            key: place.key,
            attributes: attributes(seed),
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

    /// The same in three parts: by number, or one behind the other.
    async fn parts(&self, place: Place, seed: u8, len: usize) -> Result<(), Error> {
        let (write, bytes) = (self.caller.permit()?, content(seed, 3 * len));
        let protocol = if seed.is_multiple_of(2) { Protocol::Multipart } else { Protocol::Tus };
        let new = NewUpload {
            bucket: place.bucket.to_owned(),
            key: place.key,
            protocol,
            length: seed.is_multiple_of(3).then_some(i64::try_from(3 * len).unwrap()),
            attributes: attributes(seed),
            condition: Condition::default(),
            tus: upload::Tus::default(),
        };
        // The last byte of such a one makes it an object.
        let completes = protocol == Protocol::Tus && new.length.is_some();
        let id = self.storage.begin_upload(&self.caller, &write, new).await?.id;
        for (number, part) in (1..).zip(bytes.chunks(len.max(1))) {
            let body = veza_storage::body::full(part.to_vec());
            if protocol == Protocol::Tus {
                let offset = i64::try_from(len * (number - 1)).unwrap();
                let chunk = upload::Chunk { offset, ..upload::Chunk::default() };
                self.storage.append(&self.caller, &write, id, chunk, body).await?;
            } else {
                let number = i32::try_from(number).unwrap();
                let part = NewPart { number, len: None, expected: veza_storage::digest::Expected::default() };
                self.storage.put_part(&self.caller, &write, id, part, body).await?;
            }
        }
        if seed > 200 && !completes {
            let abort = move |tx: &mut TenantTx<'_>| upload::abort(tx, &write, id);
            return self.storage.db().tenant(&self.caller, abort).await;
        }
        self.storage.complete(&self.caller, &write, id, None, None).await.map(drop)
    }

    async fn copy(&self, from: Place, to: Place) -> Result<(), Error> {
        let (read, write) = (self.caller.permit()?, self.caller.permit()?);
        let copy = Copy {
            from_bucket: from.bucket.to_owned(),
            from_key: from.key,
            from_version: None,
            bucket: to.bucket.to_owned(),
            key: to.key,
            attributes: None,
            condition: Condition::default(),
        };
        let copied = move |tx: &mut TenantTx<'_>| object::copy(tx, &read, &write, &copy, WINDOW);
        self.storage.db().tenant(&self.caller, copied).await.map(drop)
    }

    async fn delete(&self, place: Place) -> Result<(), Error> {
        let permit = self.caller.permit()?;
        let delete = move |tx: &mut TenantTx<'_>| {
            object::delete(tx, &permit, place.bucket, &place.key, &Condition::default(), WINDOW)
        };
        self.storage.db().tenant(&self.caller, delete).await
    }

    /// The oldest version that is still there.
    async fn restore(&self, place: Place) -> Result<(), Error> {
        let (read, permit) = (self.caller.permit()?, self.caller.permit()?);
        let restore = move |tx: &mut TenantTx<'_>| {
            let page = PageRequest { limit: 50, after: None };
            let versions = object::versions(tx, &read, place.bucket, &place.key, true, &page)?;
            let Some(last) = versions.items.last() else { return Ok(()) };
            object::restore(tx, &permit, place.bucket, &place.key, last.version_id, None, WINDOW).map(drop)
        };
        self.storage.db().tenant(&self.caller, restore).await
    }

    /// Lets the rules have their turn: objects that are old enough expire, versions and uploads end.
    async fn obey_rules(&self) -> Result<(), Error> {
        let (storage, permit) = (self.storage.clone(), self.caller.permit()?);
        let prepare = move |tx: &mut TenantTx<'_>| {
            lifecycle::put(tx, &storage, &permit, VERSIONED, &NewLifecycle { rules: rules() }, None).map(drop)
        };
        self.storage.db().tenant(&self.caller, prepare).await?;
        self.storage.apply_lifecycles(self.caller.tenant()).await.map(drop)
    }
}

fn rules() -> Vec<Rule> {
    let rule = |id: &str| Rule { id: id.to_owned(), enabled: true, ..Rule::default() };
    vec![
        Rule { prefix: "folder-2/".to_owned(), expire_after_days: Some(1), ..rule("expire") },
        Rule { noncurrent: Some(Noncurrent { after_days: None, keep: Some(1) }), ..rule("noncurrent") },
        Rule { abort_uploads_after_days: Some(1), ..rule("abort") },
    ]
}

fn place(number: u8) -> Place {
    let key = ObjectKey::new(format!("folder-{}/{number}", number % 3)).unwrap();
    Place { bucket: BUCKETS[usize::from(number % 2)], key }
}

fn attributes(seed: u8) -> Attributes {
    let metadata = BTreeMap::from([("seed".to_owned(), seed.to_string())]);
    Attributes { content_type: "text/plain".to_owned(), metadata, ..Attributes::default() }
}
