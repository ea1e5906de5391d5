//! The digests themselves.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};

use super::Algorithm;
use crate::Error;

/// The digests of a body that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// Bytes of the body.
    pub len: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
    /// CRC-32C.
    pub crc32c: u32,
    /// CRC-64/NVME.
    pub crc64nvme: u64,
    /// MD5, if it was asked for.
    pub md5: Option<[u8; 16]>,
    /// SHA-1, if it was asked for.
    pub sha1: Option<[u8; 20]>,
}

/// What whoever sends a body says of it. All that is given must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// Bytes of the body.
    pub len: Option<u64>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// CRC-32C.
    pub crc32c: Option<u32>,
    /// CRC-64/NVME.
    pub crc64nvme: Option<u64>,
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// SHA-1.
    pub sha1: Option<[u8; 20]>,
}

impl Expected {
    /// Compares with what came.
    pub fn verify(&self, sums: &Sums) -> Result<(), Error> {
        if let Some(expected) = self.len
            && expected != sums.len
        {
            return Err(Error::Length { expected, actual: sums.len });
        }
        let holds = [
            (Algorithm::Sha256, self.sha256.is_none_or(|sum| sum == sums.sha256)),
            (Algorithm::Crc32c, self.crc32c.is_none_or(|sum| sum == sums.crc32c)),
            (Algorithm::Crc64Nvme, self.crc64nvme.is_none_or(|sum| sum == sums.crc64nvme)),
            (Algorithm::Md5, self.md5.is_none_or(|sum| Some(sum) == sums.md5)),
            (Algorithm::Sha1, self.sha1.is_none_or(|sum| Some(sum) == sums.sha1)),
        ];
        match holds.into_iter().find(|(_, holds)| !holds) {
            Some((algorithm, _)) => Err(Error::DigestMismatch(algorithm)),
            None => Ok(()),
        }
    }
}

/// Digests of a body that is still flowing.
#[derive(Clone)]
pub struct Digests {
    len: u64,
    sha256: Context,
    crc32c: crc_fast::Digest,
    crc64nvme: crc_fast::Digest,
    md5: Option<Md5>,
    sha1: Option<Context>,
}

impl Digests {
    /// Nothing yet; MD5 costs more than all the others, so it is computed only `with_md5`.
    pub fn new(with_md5: bool) -> Self {
        Self {
            len: 0,
            sha256: Context::new(&SHA256),
            crc32c: crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi),
            crc64nvme: crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme),
            md5: with_md5.then(Md5::new),
            sha1: None,
        }
    }

    /// The same with SHA-1.
    #[must_use]
    pub fn with_sha1(mut self) -> Self {
        self.sha1 = Some(Context::new(&SHA1_FOR_LEGACY_USE_ONLY));
        self
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.len = self.len.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.sha256.update(bytes);
        self.crc32c.update(bytes);
        self.crc64nvme.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
    }

    /// The digests of all the bytes taken.
    pub fn finish(self) -> Sums {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.sha256.finish().as_ref());
        Sums {
            len: self.len,
            sha256,
            // The library gives every checksum in 64 bits; the upper half of this one is zero.
            crc32c: u32::try_from(self.crc32c.finalize()).unwrap_or_default(),
            crc64nvme: self.crc64nvme.finalize(),
            md5: self.md5.map(|md5| md5.finalize().into()),
            sha1: self.sha1.and_then(|sha1| sha1.finish().as_ref().try_into().ok()),
        }
    }
}

impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digests").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(chunks: &[&[u8]]) -> Sums {
        let mut digests = Digests::new(true).with_sha1();
        for chunk in chunks {
            digests.update(chunk);
        }
        digests.finish()
    }

    /// The check values of FIPS 180-4, RFC 3720, the NVM Express specification and RFC 1321.
    #[test]
    fn digests_have_their_published_values() {
        let sums = of(&[b"1234", b"", b"56789"]);
        assert_eq!(sums.len, 9);
        assert_eq!(sums.crc32c, 0xe306_9283);
        assert_eq!(sums.crc64nvme, 0xae8b_1486_0a79_9888);
        assert_eq!(u128::from_be_bytes(sums.md5.unwrap()), 0x25f9_e794_323b_4538_85f5_181f_1b62_4d0b);
        let sha256 = of(&[b"abc"]).sha256;
        let (high, low) = sha256.split_at(16);
        assert_eq!(u128::from_be_bytes(high.try_into().unwrap()), 0xba78_16bf_8f01_cfea_4141_40de_5dae_2223);
        assert_eq!(u128::from_be_bytes(low.try_into().unwrap()), 0xb003_61a3_9617_7a9c_b410_ff61_f200_15ad);
        let sha1 = of(&[b"abc"]).sha1.unwrap();
        assert_eq!(sha1[..4], [0xa9, 0x99, 0x3e, 0x36]);
        assert_eq!(of(&[]).crc32c, 0);
        assert_eq!(of(&[&[0; 32]]).crc32c, 0x8a91_36aa);
    }

    #[test]
    fn what_is_expected_must_hold() {
        let sums = of(&[b"abc"]);
        let all = Expected {
            len: Some(3),
            sha256: Some(sums.sha256),
            crc32c: Some(sums.crc32c),
            crc64nvme: Some(sums.crc64nvme),
            md5: sums.md5,
            sha1: sums.sha1,
        };
        all.verify(&sums).unwrap();
        Expected::default().verify(&sums).unwrap();
        let fails = |expected: Expected| expected.verify(&sums).unwrap_err().to_string();
        assert!(fails(Expected { len: Some(4), ..all }).contains("4 bytes"));
        assert!(fails(Expected { sha256: Some([0; 32]), ..all }).contains("SHA-256"));
        assert!(fails(Expected { crc32c: Some(0), ..all }).contains("CRC32C"));
        assert!(fails(Expected { crc64nvme: Some(0), ..all }).contains("CRC64NVME"));
        assert!(fails(Expected { md5: Some([0; 16]), ..all }).contains("MD5"));
        assert!(fails(Expected { sha1: Some([0; 20]), ..all }).contains("SHA-1"));
        let without = Digests::new(false).finish();
        assert!(Expected { md5: Some([0; 16]), ..Expected::default() }.verify(&without).is_err());
    }
}
