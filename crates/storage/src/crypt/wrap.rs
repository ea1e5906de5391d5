//! Encrypting keys with keys: the same streaming AEAD, with a stream of one segment. Its salt of 256 bits makes
//! every wrapping a key of its own, so that their number has no limit that matters.

use veza_core::Random;

use super::cipher::{Cipher, KEY, Secret, Segment, TAG};
use super::header::{HEADER, Header};
use crate::Error;

/// Encrypts `key` with `by`. Who unwraps it must know the `context`.
pub(super) fn wrap(by: &Secret, context: &[u8], key: &Secret, random: &dyn Random) -> Result<Vec<u8>, Error> {
    let header = Header::generate(random);
    let mut bytes = Vec::with_capacity(HEADER + KEY + TAG);
    bytes.extend_from_slice(&header.to_bytes());
    bytes.extend_from_slice(&**key);
    let place = bytes.get_mut(HEADER..).unwrap_or_default();
    let tag = Cipher::derive(by, &header, context)?.seal(Segment::ONLY, place)?;
    bytes.extend_from_slice(&tag);
    Ok(bytes)
}

/// Decrypts what [`wrap`] encrypted.
pub(super) fn unwrap(by: &Secret, context: &[u8], wrapped: &[u8]) -> Result<Secret, Error> {
    const WRONG: Error = Error::Crypto("a wrapped key is damaged, or another key wrapped it");
    let (header, sealed) = wrapped.split_at_checked(HEADER).ok_or(WRONG)?;
    let header = Header::from_bytes(header).map_err(|_none| WRONG)?;
    let mut opened = zeroize::Zeroizing::new(sealed.to_vec());
    let len = Cipher::derive(by, &header, context)?.open(Segment::ONLY, &mut opened);
    opened.truncate(len.map_err(|_damaged| WRONG)?);
    let mut key = Secret::default();
    if opened.len() != key.len() {
        return Err(WRONG);
    }
    key.copy_from_slice(&opened);
    Ok(key)
}
