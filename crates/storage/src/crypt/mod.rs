//! Encryption of blobs.
//!
//! A content has a data key of its own. The tenant's key wraps it, and the [`RootKey`] of the installation wraps
//! the tenant's key: so a key is changed without touching a stored byte, and a tenant whose key is destroyed is
//! forgotten.
//!
//! Bytes are written in the format of Tink's streaming AEAD
//! [AES-GCM-HKDF](https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming) with AES-256,
//! HKDF-SHA-256 and segments of [`SEGMENT`] bytes. Its security is proven (Hoang, Shen: *Security of Streaming
//! Encryption in Google's Tink Library*, CCS 2020): whoever can write to the backend cannot change, reorder, cut
//! or append bytes, nor exchange blobs or parts, without an error for the reader, who gets nothing from the place
//! of the damage on. Any range is read without the rest. The associated data is the blob's key: [`Place`].
//!
//! The parts of an upload are blobs of one content, and share its data key. [`SealedBlob`] is what is kept of a blob.

mod cipher;
mod header;
mod key;
#[cfg(feature = "kms")]
mod kms;
mod layout;
mod local;
mod open;
mod place;
mod read;
#[cfg(any(feature = "kms", feature = "vault"))]
mod remote;
mod root;
mod seal;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tink;
#[cfg(feature = "vault")]
mod vault;
mod wrap;

pub use self::header::{HEADER, Header};
pub use self::key::{DataKey, TenantKey, TenantKeyId, WrappedDataKey};
#[cfg(feature = "kms")]
pub use self::kms::{KmsConfig, KmsRootKey};
pub use self::layout::{SEGMENT, Span, sealed_len, unsealed_len};
pub use self::local::LocalRootKey;
pub use self::open::{Opener, open_stream};
pub use self::place::Place;
pub use self::read::SealedBlob;
pub use self::root::{RootKey, WrappedKey};
pub use self::seal::Sealer;
#[cfg(feature = "vault")]
pub use self::vault::{VaultConfig, VaultRootKey};
