//! The keys of tenants, as they are needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::prelude::*;
use veza_core::{Caller, Db, Query, TenantScope, TenantTx, Write};

use crate::content;
use crate::crypt::{DataKey, RootKey, TenantKey, TenantKeyId, WrappedDataKey, WrappedKey};
use crate::id::ContentId;
use crate::schema::{contents, tenant_keys};
use crate::{Error, Storage};

/// Keys that a process remembers. One is 32 bytes and unwrapping it may be a request to somebody else.
const REMEMBERED: usize = 10_000;

/// Gets tenants' keys out of the database, and remembers them unwrapped. Before a key is used, the database must
/// have said that it was not dropped.
#[derive(Debug)]
pub(crate) struct Keyring {
    db: Db,
    root: Arc<dyn RootKey>,
    known: Mutex<HashMap<TenantKeyId, Arc<TenantKey>>>,
}

/// A key's row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = tenant_keys)]
pub(crate) struct KeyRow {
    pub(crate) key_id: TenantKeyId,
    pub(crate) root_id: String,
    wrapped: Option<Vec<u8>>,
}

/// See [`Keyring::generate`].
pub(crate) struct NewKey {
    pub(crate) id: TenantKeyId,
    wrapped: WrappedKey,
}

impl NewKey {
    /// Makes it the tenant's current one, unless there is one.
    pub(crate) fn keep(&self, tx: &mut TenantTx<'_>) -> Result<(), Error> {
        let row = (
            tenant_keys::tenant_id.eq(tx.tenant()),
            tenant_keys::key_id.eq(self.id),
            tenant_keys::root_id.eq(&self.wrapped.root),
            tenant_keys::wrapped.eq(&self.wrapped.bytes),
            tenant_keys::current.eq(true),
            tenant_keys::created_at.eq(tx.now()),
        );
        tx.execute(diesel::insert_into(tenant_keys::table).values(row).on_conflict_do_nothing())?;
        Ok(())
    }
}

impl Keyring {
    pub(crate) fn new(db: Db, root: Arc<dyn RootKey>) -> Self {
        Self { db, root, known: Mutex::default() }
    }

    pub(crate) fn root(&self) -> &dyn RootKey {
        &*self.root
    }

    /// The key that wraps what a tenant stores now; its first one is made when it is asked for.
    pub(crate) async fn current(&self, caller: &Caller) -> Result<Arc<TenantKey>, Error> {
        let found = self.db.read(caller, |tx| current(tx)).await?;
        match found {
            Some(row) => self.unwrap(caller, row).await,
            None => self.make(caller).await,
        }
    }

    /// A new key of a tenant, wrapped, which is nobody's before it is kept.
    pub(crate) async fn generate(&self, caller: &Caller) -> Result<NewKey, Error> {
        let random = &**self.db.random();
        let id = TenantKeyId::generate(self.db.clock().now(), random);
        let key = TenantKey::generate(caller.tenant(), id, random);
        Ok(NewKey { id, wrapped: key.wrap_with(&*self.root).await? })
    }

    async fn make(&self, caller: &Caller) -> Result<Arc<TenantKey>, Error> {
        let new = self.generate(caller).await?;
        let keep = move |tx: &mut TenantTx<'_>| {
            // Whoever came first has made it.
            new.keep(tx)?;
            current(tx)?.ok_or(Error::Crypto("the tenant has no key"))
        };
        let row = self.db.tenant(caller, keep).await?;
        self.unwrap(caller, row).await
    }

    /// The key of a row that was just read.
    pub(crate) async fn unwrap(&self, caller: &Caller, row: KeyRow) -> Result<Arc<TenantKey>, Error> {
        let Some(bytes) = row.wrapped else { return Err(Error::Shredded) };
        if let Some(key) = self.known().get(&row.key_id) {
            return Ok(Arc::clone(key));
        }
        let wrapped = WrappedKey { root: row.root_id, bytes };
        let key = TenantKey::unwrap_with(&*self.root, caller.tenant(), row.key_id, &wrapped).await?;
        let key = Arc::new(key);
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(row.key_id, Arc::clone(&key));
        Ok(key)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<TenantKeyId, Arc<TenantKey>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn current(tx: &mut impl TenantScope) -> Result<Option<KeyRow>, Error> {
    let query = tenant_keys::table
        .filter(tenant_keys::tenant_id.eq(tx.tenant()).and(tenant_keys::current))
        .select(KeyRow::as_select());
    Ok(tx.find_result(query)?)
}

/// A data key as its content's row keeps it: what wrapped it, and what that made of it.
pub(crate) type KeptKey = (TenantKeyId, WrappedDataKey);

/// What wraps the data key of a content, and the wrapped key; none when its bytes are not encrypted.
pub(crate) fn key_of(
    tx: &mut impl TenantScope,
    content: ContentId,
) -> Result<Option<(KeyRow, WrappedDataKey)>, Error> {
    // Both in one statement: between two, the key may be changed and the old one dropped.
    let query = contents::table
        .inner_join(
            tenant_keys::table.on(tenant_keys::tenant_id
                .eq(contents::tenant_id)
                .and(contents::key_id.eq(tenant_keys::key_id.nullable()))),
        )
        .filter(contents::tenant_id.eq(tx.tenant()).and(contents::content_id.eq(content)))
        .select((KeyRow::as_select(), contents::wrapped_key));
    let found: Option<(KeyRow, Option<Vec<u8>>)> = tx.find_result(query)?;
    Ok(found.and_then(|(row, wrapped)| Some((row, WrappedDataKey::from_bytes(wrapped?)))))
}

/// Keeps a key from being changed before the transaction ends.
///
/// # Errors
/// [`Error::Unavailable`] when it was changed since it was looked up.
pub(crate) fn hold(tx: &mut TenantTx<'_>, key: TenantKeyId) -> Result<(), Error> {
    let this = tenant_keys::table
        .find((tx.tenant(), key))
        .filter(tenant_keys::current)
        .select(tenant_keys::key_id)
        .for_share();
    match tx.find_result::<TenantKeyId, _>(this)? {
        Some(_) => Ok(()),
        None => Err(Error::Unavailable {
            retry_after: Duration::from_secs(1),
            reason: "the organisation's key was changed meanwhile".to_owned(),
        }),
    }
}

/// Keeps a key from being dropped before the transaction ends.
///
/// # Errors
/// [`Error::Shredded`] when it was.
pub(crate) fn exists(tx: &mut TenantTx<'_>, key: TenantKeyId) -> Result<(), Error> {
    let this = tenant_keys::table
        .find((tx.tenant(), key))
        .filter(tenant_keys::wrapped.is_not_null())
        .select(tenant_keys::key_id)
        .for_share();
    tx.find_result::<TenantKeyId, _>(this)?.map(drop).ok_or(Error::Shredded)
}

impl Storage {
    /// A new data key for a content, and what its row keeps of it; none where there is no root key.
    pub(crate) async fn make_data_key(
        &self,
        caller: &Caller,
        content: ContentId,
    ) -> Result<Option<(DataKey, KeptKey)>, Error> {
        let Some(keys) = self.keys() else { return Ok(None) };
        let random = &**self.db().random();
        let (key, data_key) = (keys.current(caller).await?, DataKey::generate(random));
        let wrapped = key.wrap(content::key_place(caller.tenant(), content), &data_key, random)?;
        Ok(Some((data_key, (key.id(), wrapped))))
    }

    /// The data key of a content, out of what [`key_of`] found.
    pub(crate) async fn data_key(
        &self,
        caller: &Caller,
        content: ContentId,
        found: Option<(KeyRow, WrappedDataKey)>,
    ) -> Result<Option<DataKey>, Error> {
        let Some((row, wrapped)) = found else { return Ok(None) };
        let keys =
            self.keys().ok_or(Error::Crypto("stored bytes are encrypted, and there is no root key"))?;
        let key = keys.unwrap(caller, row).await?;
        key.unwrap(content::key_place(caller.tenant(), content), &wrapped).map(Some)
    }
}
