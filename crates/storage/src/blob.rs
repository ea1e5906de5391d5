//! The names of stored bytes.

use std::fmt;

use uuid::Uuid;
use veza_core::{Noun, TenantId, TypedId};

/// Bytes that were stored once and never change.
#[derive(Debug)]
pub enum Blob {}

impl Noun for Blob {
    const NAME: &'static str = "blob";
}

/// The id of a blob. It is a UUID version 7, so that blobs sort by their time of creation.
pub type BlobId = TypedId<Blob>;

/// Where a blob lies in a backend: `tenant/blob`, made of two ids and of nothing a user wrote.
///
/// Keys order as their text and their bytes do: by tenant, then by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey {
    tenant: TenantId,
    blob: BlobId,
}

impl BlobKey {
    /// The key of a tenant's blob.
    pub const fn new(tenant: TenantId, blob: BlobId) -> Self {
        Self { tenant, blob }
    }

    /// Whose blob it is.
    pub const fn tenant(self) -> TenantId {
        self.tenant
    }

    /// The blob.
    pub const fn blob(self) -> BlobId {
        self.blob
    }

    /// Both ids in 32 bytes: what encryption binds a blob's bytes to.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (tenant, blob) = bytes.split_at_mut(16);
        tenant.copy_from_slice(self.tenant.as_uuid().as_bytes());
        blob.copy_from_slice(self.blob.as_uuid().as_bytes());
        bytes
    }

    /// Reads what [`Display`](fmt::Display) wrote. Crate-private: only a backend's own listing is read so.
    #[cfg_attr(
        not(any(feature = "azure", feature = "gcs", feature = "s3", test)),
        allow(dead_code, reason = "only listings of services are text")
    )]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (tenant, blob) = text.split_once('/')?;
        Some(Self::new(TenantId::from_verified(canonical(tenant)?), BlobId::from_uuid(canonical(blob)?)))
    }
}

/// The UUID of a text in the one form that we write.
pub(crate) fn canonical(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    (uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(uuid)
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_only_in_the_form_it_is_written() {
        let key =
            BlobKey::new(TenantId::from_verified(Uuid::from_u128(7)), BlobId::from_uuid(Uuid::from_u128(9)));
        let text = key.to_string();
        assert_eq!(BlobKey::parse(&text), Some(key));
        for other in [text.replace('-', ""), format!("/{text}"), format!("{text}/"), "a/b".to_owned()] {
            assert_eq!(BlobKey::parse(&other), None, "{other}");
        }
        let upper = "00000000-0000-0000-0000-00000000000A";
        assert_eq!(canonical(upper), None);
    }

    #[test]
    fn keys_order_as_their_text_and_bytes() {
        let key = |tenant, blob| {
            BlobKey::new(
                TenantId::from_verified(Uuid::from_u128(tenant)),
                BlobId::from_uuid(Uuid::from_u128(blob)),
            )
        };
        let keys = [key(1, 9), key(2, 3), key(2, 1 << 100), key(1 << 120, 0)];
        assert!(keys.is_sorted());
        assert!(keys.map(|key| key.to_string()).is_sorted());
        assert!(keys.map(BlobKey::to_bytes).is_sorted());
    }
}
