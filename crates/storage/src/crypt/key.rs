//! Keys of blobs and tenants.

use std::fmt;

use serde::{Deserialize, Serialize};
use veza_core::{Noun, Random, TenantId, TypedId};

use super::cipher::Secret;
use super::root::{RootKey, WrappedKey};
use super::wrap::{unwrap, wrap};
use crate::{BlobKey, Error};

/// A version of a tenant's key.
#[derive(Debug)]
pub enum TenantKeyNoun {}

impl Noun for TenantKeyNoun {
    const NAME: &'static str = "tenant_key";
}

/// The id of a version of a tenant's key.
pub type TenantKeyId = TypedId<TenantKeyNoun>;

/// The key of one blob. It is wiped from memory when it is dropped, and never printed.
pub struct DataKey(Secret);

impl DataKey {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Self {
        Self(generate(random))
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }

    #[cfg(test)]
    pub(super) fn from_secret(secret: Secret) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([secret])")
    }
}

/// A tenant's key: it wraps the keys of the tenant's blobs. A tenant has several when it was changed; the id says
/// which one wrapped a data key. It is wiped from memory when it is dropped, and never printed.
pub struct TenantKey {
    tenant: TenantId,
    id: TenantKeyId,
    secret: Secret,
}

impl TenantKey {
    /// A new key of a tenant.
    pub fn generate(tenant: TenantId, id: TenantKeyId, random: &dyn Random) -> Self {
        Self { tenant, id, secret: generate(random) }
    }

    /// Whose it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Which of the tenant's it is.
    pub fn id(&self) -> TenantKeyId {
        self.id
    }

    /// Encrypts the key of a blob of this tenant, for the blob's row.
    pub fn wrap(&self, blob: BlobKey, key: &DataKey, random: &dyn Random) -> Result<WrappedDataKey, Error> {
        wrap(&self.secret, &self.context(blob)?, &key.0, random).map(WrappedDataKey)
    }

    /// Decrypts the key of a blob of this tenant. [`Error::Crypto`] when another key wrapped it, or for another
    /// blob.
    pub fn unwrap(&self, blob: BlobKey, wrapped: &WrappedDataKey) -> Result<DataKey, Error> {
        unwrap(&self.secret, &self.context(blob)?, &wrapped.0).map(DataKey)
    }

    /// Encrypts this key with the root key, for the tenant's row.
    pub async fn wrap_with(&self, root: &dyn RootKey) -> Result<WrappedKey, Error> {
        root.wrap(&context_of(self.tenant, self.id), &self.secret).await
    }

    /// Decrypts a tenant's key. [`Error::Crypto`] when it was wrapped as another's.
    pub async fn unwrap_with(
        root: &dyn RootKey,
        tenant: TenantId,
        id: TenantKeyId,
        wrapped: &WrappedKey,
    ) -> Result<Self, Error> {
        let secret = root.unwrap(&context_of(tenant, id), wrapped).await?;
        Ok(Self { tenant, id, secret })
    }

    fn context(&self, blob: BlobKey) -> Result<Vec<u8>, Error> {
        if blob.tenant() == self.tenant {
            Ok([b"veza data key ".as_slice(), &blob.to_bytes()].concat())
        } else {
            Err(Error::Crypto("the blob is another tenant's"))
        }
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantKey")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A blob's key, encrypted with its tenant's key: 88 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WrappedDataKey(Vec<u8>);

impl WrappedDataKey {
    /// What a row kept.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// What a row keeps.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn generate(random: &dyn Random) -> Secret {
    let mut secret = Secret::default();
    random.fill(&mut *secret);
    secret
}

fn context_of(tenant: TenantId, id: TenantKeyId) -> Vec<u8> {
    [b"veza tenant key ".as_slice(), tenant.as_uuid().as_bytes(), id.as_uuid().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use veza_core::SeededRandom;

    use super::*;
    use crate::BlobId;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_verified(Uuid::from_u128(number))
    }

    fn blob(of: u128, number: u128) -> BlobKey {
        BlobKey::new(tenant(of), BlobId::from_uuid(Uuid::from_u128(number)))
    }

    fn tenant_key(of: u128, random: &SeededRandom) -> TenantKey {
        TenantKey::generate(tenant(of), TenantKeyId::from_uuid(Uuid::from_u128(77)), random)
    }

    #[test]
    fn a_data_key_comes_back_to_its_blob_alone() {
        let random = SeededRandom::new(1);
        let (alice, data) = (tenant_key(1, &random), DataKey::generate(&random));
        let wrapped = alice.wrap(blob(1, 5), &data, &random).unwrap();
        assert_eq!(wrapped.as_bytes().len(), 88);
        assert_eq!(alice.unwrap(blob(1, 5), &wrapped).unwrap().0, data.0);
        assert_ne!(alice.wrap(blob(1, 5), &data, &random).unwrap(), wrapped);
        for (key, place) in
            [(&alice, blob(1, 6)), (&alice, blob(2, 5)), (&tenant_key(1, &random), blob(1, 5))]
        {
            assert!(matches!(key.unwrap(place, &wrapped), Err(Error::Crypto(_))));
        }
        // Mallory's key wraps nothing of Alice's.
        assert!(matches!(tenant_key(2, &random).wrap(blob(1, 5), &data, &random), Err(Error::Crypto(_))));
    }

    #[test]
    fn damage_to_a_wrapped_key_is_seen_at_every_byte() {
        let random = SeededRandom::new(2);
        let (key, data) = (tenant_key(1, &random), DataKey::generate(&random));
        let wrapped = key.wrap(blob(1, 5), &data, &random).unwrap();
        for at in 0..wrapped.0.len() {
            let mut damaged = wrapped.clone();
            damaged.0[at] ^= 1;
            assert!(matches!(key.unwrap(blob(1, 5), &damaged), Err(Error::Crypto(_))), "byte {at}");
            let cut = WrappedDataKey::from_bytes(&wrapped.0[..at]);
            assert!(matches!(key.unwrap(blob(1, 5), &cut), Err(Error::Crypto(_))), "cut at {at}");
        }
        let longer = WrappedDataKey([wrapped.as_bytes(), &[0]].concat());
        assert!(matches!(key.unwrap(blob(1, 5), &longer), Err(Error::Crypto(_))));
    }

    #[test]
    fn keys_are_not_printed() {
        let random = SeededRandom::new(3);
        let (key, data) = (tenant_key(1, &random), DataKey::from_secret(Secret::new([0xab; 32])));
        let printed = format!("{key:?} {data:?}");
        assert!(!printed.contains("171") && !printed.contains("ab, "), "{printed}");
        assert!(!printed.contains("secret:"), "{printed}");
    }
}
