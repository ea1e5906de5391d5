//! What encryption binds bytes to.

use crate::BlobKey;

/// The place of encrypted bytes: a part of a blob. Bytes that are read at another place do not decrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    blob: BlobKey,
    part: u16,
}

impl Place {
    /// The part of a blob with that number. A blob that is put as a whole has part 1 alone.
    pub const fn new(blob: BlobKey, part: u16) -> Self {
        Self { blob, part }
    }

    /// The whole of a blob, or its first part.
    pub const fn whole(blob: BlobKey) -> Self {
        Self::new(blob, 1)
    }

    /// The associated data: the UUIDs of tenant and blob, and the part's number, big-endian; 34 bytes.
    pub fn to_bytes(self) -> [u8; 34] {
        let mut bytes = [0; 34];
        let (blob, part) = bytes.split_at_mut(32);
        blob.copy_from_slice(&self.blob.to_bytes());
        part.copy_from_slice(&self.part.to_be_bytes());
        bytes
    }
}
