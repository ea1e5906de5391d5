//! AES in counter mode (RFC 3711 section 4.1.1).

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::KEY;

/// A key for it.
pub(super) struct Counter(EncryptingKey);

impl Counter {
    pub(super) fn new(key: &[u8; KEY]) -> Option<Self> {
        Some(Self(EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).ok()?).ok()?))
    }

    /// Adds the key stream that begins at `iv`.
    pub(super) fn apply(&self, iv: [u8; 16], bytes: &mut [u8]) -> Option<()> {
        self.0.less_safe_encrypt(bytes, EncryptionContext::Iv128(FixedLength::from(iv))).ok().map(drop)
    }
}

/// The vector of a packet: the salt, with the source and the packet's number added (section 4.1.1).
pub(super) fn vector(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let number = (u128::from(ssrc) << 64) | (u128::from(index) << 16);
    let mut padded = [0; 16];
    for (to, from) in padded.iter_mut().zip(salt) {
        *to = *from;
    }
    (u128::from_be_bytes(padded) ^ number).to_be_bytes()
}
