//! Reading encrypted blobs from a backend.

use super::{DataKey, Header, Opener, Place, Span, sealed_len};
use crate::backend::{ByteRange, Download};
use crate::{Backend, BlobKey, Error};

/// What is kept of an encrypted blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedBlob {
    header: Header,
    len: u64,
}

impl SealedBlob {
    /// A blob of `len` bytes before encryption, whose encrypted form begins with `header`.
    pub const fn new(header: Header, len: u64) -> Self {
        Self { header, len }
    }

    /// Reads the blob or a part of it, decrypted. The backend is asked once, for no segment that is not needed.
    ///
    /// [`Error::Corrupt`] when the backend has more or fewer bytes than were stored, now or in the body's place.
    pub async fn get(
        &self,
        backend: &dyn Backend,
        key: BlobKey,
        data_key: &DataKey,
        range: Option<ByteRange>,
    ) -> Result<Download, Error> {
        let range = match range {
            Some(range) => range.within(self.len)?,
            None => 0..self.len,
        };
        let sealed_len = sealed_len(self.len)?;
        let span = Span::new(range.clone(), self.len)?;
        let opener = Opener::new(data_key, Place::whole(key), self.header)?;
        let whole = span.sealed == (0..sealed_len);
        let wanted = (!whole).then(|| ByteRange::from(span.sealed.clone()));
        let download = match backend.get(key, wanted).await {
            // Asked for nothing that should not be there.
            Err(Error::RangeUnsatisfiable { .. }) => return Err(CHANGED),
            other => other?,
        };
        if download.len != sealed_len || download.range != span.sealed {
            return Err(CHANGED);
        }
        Ok(Download { len: self.len, range, body: opener.open(&span, download.body) })
    }
}

const CHANGED: Error = Error::Corrupt("an encrypted blob has another length than was stored");
