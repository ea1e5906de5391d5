//! Digests of a body, computed in one pass while it flows.
//!
//! SHA-256 names the content; CRC32C and CRC64NVME are what S3 clients send and cost next to nothing; MD5 is
//! only for those who ask for it, because S3's `ETag` of a single put is one.

mod check;
mod sums;

use std::fmt;

pub use self::check::{Receipt, check};
pub use self::sums::{Digests, Expected, Sums};

/// A digest's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
    Crc32c,
    /// CRC-64/NVME, which S3 calls CRC64NVME.
    Crc64Nvme,
    /// MD5 (RFC 1321). It protects against nothing but accidents.
    Md5,
    /// SHA-1 (FIPS 180-4), because tus demands it. It protects against nothing but accidents.
    Sha1,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
        })
    }
}
