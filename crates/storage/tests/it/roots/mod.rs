//! Root keys that a service keeps.

#[cfg(feature = "kms")]
mod kms;
#[cfg(feature = "vault")]
mod vault;

use uuid::Uuid;
use veza_core::{SystemRandom, TenantId};
use veza_storage::Error;
use veza_storage::crypt::{DataKey, RootKey, TenantKey, TenantKeyId, WrappedKey};
use veza_storage::{BlobId, BlobKey};

/// What every root key does: a tenant's key comes back in its own context alone, and damage is seen.
async fn keeps_keys(root: &dyn RootKey) {
    let tenant = |number: u128| TenantId::from_verified(Uuid::from_u128(number));
    let (alice, id) = (tenant(1), TenantKeyId::from_uuid(Uuid::from_u128(7)));
    let key = TenantKey::generate(alice, id, &SystemRandom);
    let wrapped = key.wrap_with(root).await.unwrap();
    assert_eq!(wrapped.root, root.current());
    let blob = BlobKey::new(alice, BlobId::from_uuid(Uuid::from_u128(9)));
    let data = key.wrap(blob, &DataKey::generate(&SystemRandom), &SystemRandom).unwrap();
    let back = TenantKey::unwrap_with(root, alice, id, &wrapped).await.unwrap();
    back.unwrap(blob, &data).unwrap();
    let other = TenantKeyId::from_uuid(Uuid::from_u128(8));
    let mut damaged = wrapped.bytes.clone();
    let last = damaged.len() - 6;
    damaged[last] = if damaged[last] == b'A' { b'B' } else { b'A' };
    let damaged = WrappedKey { bytes: damaged, ..wrapped.clone() };
    for (tenant, id, wrapped) in [(tenant(2), id, &wrapped), (alice, other, &wrapped), (alice, id, &damaged)]
    {
        let answer = TenantKey::unwrap_with(root, tenant, id, wrapped).await;
        assert!(matches!(answer, Err(Error::Crypto(_))), "{answer:?}");
    }
}
