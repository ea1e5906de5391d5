//! What encryption binds bytes to.

use crate::BlobKey;

/// The place of encrypted bytes: a blob. Bytes that are read at another place do not decrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    blob: BlobKey,
    part: u16,
}

impl Place {
    /// One of several streams in a blob, as nobody writes it any more.
    #[cfg(test)]
    pub(super) const fn new(blob: BlobKey, part: u16) -> Self {
        Self { blob, part }
    }

    /// The whole of a blob.
    pub const fn whole(blob: BlobKey) -> Self {
        Self { blob, part: 1 }
    }

    /// The associated data: the UUIDs of tenant and blob, and the number of the stream in it, big-endian, which is 1;
    /// 34 bytes.
    pub fn to_bytes(self) -> [u8; 34] {
        let mut bytes = [0; 34];
        let (blob, part) = bytes.split_at_mut(32);
        blob.copy_from_slice(&self.blob.to_bytes());
        part.copy_from_slice(&self.part.to_be_bytes());
        bytes
    }
}
