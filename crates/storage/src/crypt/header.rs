//! What an encrypted stream begins with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use veza_core::Random;

use crate::Error;

/// Bytes of a header: its length, a salt of 32 bytes, and the first 7 bytes of every nonce.
pub const HEADER: usize = 40;

const SALT: usize = 32;
const PREFIX: usize = 7;

/// The header of an encrypted stream. It is public, and different for every stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub(super) salt: [u8; SALT],
    pub(super) prefix: [u8; PREFIX],
}

impl Header {
    pub(super) fn generate(random: &dyn Random) -> Self {
        Self { salt: veza_core::bytes(random), prefix: veza_core::bytes(random) }
    }

    /// As it is written.
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let (length, rest) = bytes.split_at_mut(1);
        let (salt, prefix) = rest.split_at_mut(SALT);
        length.fill(LENGTH);
        salt.copy_from_slice(&self.salt);
        prefix.copy_from_slice(&self.prefix);
        bytes
    }

    /// Reads what [`Header::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = Error::Corrupt("an encrypted stream has no header");
        let Some((&LENGTH, rest)) = bytes.split_first() else { return Err(wrong) };
        match rest.split_at_checked(SALT).map(|(salt, prefix)| (salt.try_into(), prefix.try_into())) {
            Some((Ok(salt), Ok(prefix))) => Ok(Self { salt, prefix }),
            _ => Err(wrong),
        }
    }
}

const LENGTH: u8 = 40;

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({})", BASE64.encode(self.to_bytes()))
    }
}
