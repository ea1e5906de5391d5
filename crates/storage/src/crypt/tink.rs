//! What Tink itself wrote: `tests/vectors/seal_with_tink.py` makes the vectors.

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::TryStreamExt;
use serde::Deserialize;
use uuid::Uuid;
use veza_core::TenantId;

use super::cipher::Secret;
use super::{DataKey, Header, Place, Sealer, open_stream, sealed_len};
use crate::{BlobId, BlobKey, body};

const VECTORS: &str = include_str!("../../tests/vectors/tink.json");

#[derive(Deserialize)]
struct Vector {
    key: String,
    tenant: Uuid,
    blob: Uuid,
    part: u16,
    seed: u64,
    len: u64,
    header: String,
    sealed_len: u64,
    sealed_sha256: String,
    sealed: Option<String>,
}

impl Vector {
    fn all() -> Vec<Self> {
        serde_json::from_str(VECTORS).unwrap()
    }

    fn key(&self) -> DataKey {
        DataKey::from_secret(Secret::new(hex(&self.key).try_into().unwrap()))
    }

    fn place(&self) -> Place {
        let tenant = TenantId::from_verified(self.tenant);
        Place::new(BlobKey::new(tenant, BlobId::from_uuid(self.blob)), self.part)
    }

    fn plain(&self) -> Vec<u8> {
        let byte = |at: u64| (at * 31 + (at >> 8) * 7 + self.seed).to_le_bytes()[0];
        (0..self.len).map(byte).collect()
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// With Tink's header we write what Tink wrote, byte for byte; so Tink reads what we write.
#[tokio::test]
async fn we_write_what_tink_writes() {
    for vector in Vector::all() {
        let header = Header::from_bytes(&hex(&vector.header)).unwrap();
        let sealer = Sealer::with_header(&vector.key(), vector.place(), header).unwrap();
        let sealed = sealer.seal(body::full(vector.plain())).try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(u64::try_from(sealed.len()).unwrap(), vector.sealed_len);
        assert_eq!(sealed_len(vector.len).unwrap(), vector.sealed_len);
        assert_eq!(digest(&SHA256, &sealed).as_ref(), hex(&vector.sealed_sha256), "{} bytes", vector.len);
        let opened = open_stream(&vector.key(), vector.place(), body::full(sealed)).await.unwrap();
        assert!(opened.try_collect::<Vec<_>>().await.unwrap().concat() == vector.plain());
    }
}

#[tokio::test]
async fn we_read_what_tink_wrote() {
    let mut read = 0;
    for vector in Vector::all() {
        let Some(sealed) = &vector.sealed else { continue };
        let opened = open_stream(&vector.key(), vector.place(), body::full(hex(sealed))).await.unwrap();
        assert_eq!(opened.try_collect::<Vec<_>>().await.unwrap().concat(), vector.plain());
        read += 1;
    }
    assert_eq!(read, 3);
}
