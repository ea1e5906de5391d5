//! The key above all others.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::backend::Pending;

/// Wraps the keys of tenants. Whoever holds it, and the database, reads everything; so it lies elsewhere.
pub trait RootKey: Send + Sync + fmt::Debug + 'static {
    /// The name of the version that wraps. What another one wrapped can be wrapped again, and still be unwrapped
    /// until that one is removed.
    fn current(&self) -> &str;

    /// Encrypts a key. Who unwraps it must give the same `context`.
    fn wrap<'a>(&'a self, context: &'a [u8], key: &'a Zeroizing<[u8; 32]>) -> Pending<'a, WrappedKey>;

    /// Decrypts a key. [`Error::Crypto`](crate::Error::Crypto) when it was not wrapped by a version of this root,
    /// or not in this context.
    fn unwrap<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> Pending<'a, Zeroizing<[u8; 32]>>;
}

/// A tenant's key as its row keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    /// The version of the root key that wrapped it.
    pub root: String,
    /// What it made of the key.
    pub bytes: Vec<u8>,
}
