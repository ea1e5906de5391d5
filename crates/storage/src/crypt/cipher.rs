//! The cipher of one stream.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use super::header::Header;
use crate::Error;

/// Bytes of a key.
pub(super) const KEY: usize = 32;

/// Bytes that authenticate a segment.
pub(super) const TAG: usize = 16;

/// A secret that is wiped when it is dropped.
pub(super) type Secret = Zeroizing<[u8; KEY]>;

/// AES-256-GCM under a key that this stream alone has.
#[derive(Debug)]
pub(super) struct Cipher {
    key: LessSafeKey,
    prefix: [u8; 7],
}

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY
    }
}

impl Cipher {
    /// HKDF-SHA-256 of the secret, the header's salt and the associated data.
    pub(super) fn derive(secret: &Secret, header: &Header, associated: &[u8]) -> Result<Self, Error> {
        let failed = |_| Error::Crypto("a key cannot be derived");
        let extracted = Salt::new(HKDF_SHA256, &header.salt).extract(&**secret);
        let info = [associated];
        let mut derived = Secret::default();
        extracted.expand(&info, KeyLength).and_then(|output| output.fill(&mut *derived)).map_err(failed)?;
        let key = UnboundKey::new(&AES_256_GCM, &*derived).map_err(failed)?;
        Ok(Self { key: LessSafeKey::new(key), prefix: header.prefix })
    }

    /// Encrypts a segment in place and gives its tag.
    pub(super) fn seal(&self, segment: Segment, bytes: &mut [u8]) -> Result<[u8; TAG], Error> {
        let tag = self.key.seal_in_place_separate_tag(self.nonce(segment), Aad::empty(), bytes);
        let tag = tag.map_err(|_unspecified| Error::Crypto("a segment cannot be encrypted"))?;
        tag.as_ref().try_into().map_err(|_other| Error::Crypto("a tag has another length"))
    }

    /// Decrypts a segment with its tag behind it in place, and gives how many bytes it holds: the first ones.
    pub(super) fn open(&self, segment: Segment, bytes: &mut [u8]) -> Result<usize, Error> {
        let opened = self.key.open_in_place(self.nonce(segment), Aad::empty(), bytes);
        let damaged = |_unspecified| Error::Corrupt("an encrypted segment is another than was written");
        Ok(opened.map_err(damaged)?.len())
    }

    fn nonce(&self, segment: Segment) -> Nonce {
        let mut nonce = [0; 12];
        let (prefix, rest) = nonce.split_at_mut(7);
        let (number, last) = rest.split_at_mut(4);
        prefix.copy_from_slice(&self.prefix);
        number.copy_from_slice(&segment.number.to_be_bytes());
        last.fill(u8::from(segment.last));
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Which segment of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u32,
    /// The stream ends with it.
    pub(super) last: bool,
}

impl Segment {
    /// The only one of a stream.
    pub(super) const ONLY: Self = Self { number: 0, last: true };

    /// The one behind this.
    pub(super) fn next(self) -> Result<u32, Error> {
        self.number.checked_add(1).ok_or(Error::TooLarge { max: super::layout::MAX_LEN })
    }
}
