//! What signs a tenant's URLs.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use diesel::prelude::*;
use veza_core::{Caller, Query, TenantId, TenantScope, TenantTx, Write};
use zeroize::Zeroizing;

use crate::crypt::WrappedKey;
use crate::id::SigningKeyId;
use crate::schema::signing_keys;
use crate::{Error, Storage};

/// A key that signs.
pub(super) struct SigningKey {
    id: SigningKeyId,
    secret: Zeroizing<[u8; 32]>,
    key: Key,
}

impl SigningKey {
    fn new(id: SigningKeyId, secret: Zeroizing<[u8; 32]>) -> Self {
        let key = Key::new(HMAC_SHA256, &*secret);
        Self { id, secret, key }
    }

    pub(super) fn id(&self) -> SigningKeyId {
        self.id
    }

    pub(super) fn sign(&self, text: &str) -> Vec<u8> {
        sign(&self.key, text.as_bytes()).as_ref().to_vec()
    }

    /// Whether a signature is that of a text; compared in constant time.
    pub(super) fn holds(&self, text: &str, signature: &[u8]) -> bool {
        verify(&self.key, text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key's row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = signing_keys)]
pub(super) struct KeyRow {
    key_id: SigningKeyId,
    root_id: String,
    wrapped: Vec<u8>,
}

impl KeyRow {
    pub(super) fn id(&self) -> SigningKeyId {
        self.key_id
    }
}

impl Storage {
    /// The key that signs what the tenant signs now; it is made when it is asked for.
    pub(super) async fn signing_key(&self, caller: &Caller) -> Result<SigningKey, Error> {
        let Some(row) = self.db().read(caller, found).await? else {
            return self.make_signing_key(caller).await;
        };
        let root = self.keys().ok_or(Error::NoRootKey)?.root();
        let outdated = row.root_id != root.current();
        match self.unwrap_signing_key(caller.tenant(), row).await {
            Ok(key) if outdated => self.wrap_again(caller, key).await,
            // Another process may have the version of the root key that wrapped it: nothing is made in its place.
            found => found,
        }
    }

    /// Wraps a key with the current version of the root key, so that an earlier one can be removed.
    async fn wrap_again(&self, caller: &Caller, key: SigningKey) -> Result<SigningKey, Error> {
        let root = self.keys().ok_or(Error::NoRootKey)?.root();
        let (id, wrapped) = (key.id, root.wrap(&context(caller.tenant(), key.id), &key.secret).await?);
        let keep = move |tx: &mut TenantTx<'_>| {
            let this = signing_keys::table.find(tx.tenant()).filter(signing_keys::key_id.eq(id));
            let set = (signing_keys::root_id.eq(&wrapped.root), signing_keys::wrapped.eq(&wrapped.bytes));
            tx.execute(diesel::update(this).set(set))?;
            Ok::<_, Error>(())
        };
        self.db().tenant(caller, keep).await?;
        Ok(key)
    }

    /// Wraps the tenant's key again, if an earlier version of the root key wrapped it; answers how many that were.
    ///
    /// # Errors
    /// [`Error::Crypto`] when that version is not there any more.
    pub(crate) async fn rewrap_signing_key(&self, caller: &Caller) -> Result<usize, Error> {
        let root = self.keys().ok_or(Error::NoRootKey)?.root();
        let row = self.db().read(caller, found).await?;
        let Some(row) = row.filter(|row| row.root_id != root.current()) else { return Ok(0) };
        let key = self.unwrap_signing_key(caller.tenant(), row).await?;
        self.wrap_again(caller, key).await.map(|_| 1)
    }

    async fn make_signing_key(&self, caller: &Caller) -> Result<SigningKey, Error> {
        let root = self.keys().ok_or(Error::NoRootKey)?.root();
        let random = &**self.db().random();
        let id = SigningKeyId::generate(self.db().clock().now(), random);
        let secret = Zeroizing::new(veza_core::bytes::<32>(random));
        let wrapped = root.wrap(&context(caller.tenant(), id), &secret).await?;
        let keep = move |tx: &mut TenantTx<'_>| {
            let row = (
                signing_keys::tenant_id.eq(tx.tenant()),
                signing_keys::key_id.eq(id),
                signing_keys::root_id.eq(&wrapped.root),
                signing_keys::wrapped.eq(&wrapped.bytes),
                signing_keys::created_at.eq(tx.now()),
            );
            // Whoever came first has made it.
            tx.execute(diesel::insert_into(signing_keys::table).values(row).on_conflict_do_nothing())?;
            let row = signing_keys::table.find(tx.tenant()).select(KeyRow::as_select());
            Ok::<_, Error>(tx.get_result::<KeyRow, _>(row)?)
        };
        let row = self.db().tenant(caller, keep).await?;
        self.unwrap_signing_key(caller.tenant(), row).await
    }

    pub(super) async fn unwrap_signing_key(
        &self,
        tenant: TenantId,
        row: KeyRow,
    ) -> Result<SigningKey, Error> {
        let root = self.keys().ok_or(Error::NoRootKey)?.root();
        let wrapped = WrappedKey { root: row.root_id, bytes: row.wrapped };
        let secret = root.unwrap(&context(tenant, row.key_id), &wrapped).await?;
        Ok(SigningKey::new(row.key_id, secret))
    }
}

fn found(tx: &mut veza_core::ReadTx<'_>) -> Result<Option<KeyRow>, Error> {
    let row = signing_keys::table.find(tx.tenant()).select(KeyRow::as_select());
    Ok(tx.find_result::<KeyRow, _>(row)?)
}

/// Forgets the tenant's key.
pub(super) fn end(tx: &mut TenantTx<'_>) -> Result<(), Error> {
    let this = signing_keys::table.find(tx.tenant());
    tx.execute(diesel::delete(this))?;
    Ok(())
}

/// What a wrapped key is bound to.
fn context(tenant: TenantId, id: SigningKeyId) -> Vec<u8> {
    [b"veza signing key ".as_slice(), tenant.as_uuid().as_bytes(), id.as_uuid().as_bytes()].concat()
}
