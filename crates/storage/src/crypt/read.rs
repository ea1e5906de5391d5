//! Reading encrypted blobs from a backend.

use std::ops::Range;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{DataKey, Header, Opener, Place, Span, sealed_len};
use crate::backend::{ByteRange, Download};
use crate::{Backend, BlobKey, Body, Error};

/// What is kept of an encrypted part of a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedPart {
    /// Its number, which its encryption is bound to.
    pub number: u16,
    /// Its bytes before encryption.
    pub len: u64,
    /// What its encrypted form begins with.
    pub header: Header,
}

/// What is kept of an encrypted blob: its parts, in their order. One that was put as a whole has one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedBlob(Vec<SealedPart>);

/// A piece of a download: which part, which segments, and where they are in the backend.
struct Piece {
    opener: Opener,
    span: Span,
    stored: Range<u64>,
}

impl SealedBlob {
    /// A blob of these parts.
    pub fn new(parts: impl Into<Vec<SealedPart>>) -> Self {
        Self(parts.into())
    }

    /// A blob that was put as a whole: of `len` bytes before encryption.
    pub fn whole(header: Header, len: u64) -> Self {
        Self(vec![SealedPart { number: 1, len, header }])
    }

    /// Its parts.
    pub fn parts(&self) -> &[SealedPart] {
        &self.0
    }

    /// Bytes of the blob before encryption.
    pub fn len(&self) -> u64 {
        self.0.iter().fold(0, |sum, part| sum.saturating_add(part.len))
    }

    /// Whether the blob has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the backend has of it.
    pub fn sealed_len(&self) -> Result<u64, Error> {
        self.0.iter().try_fold(0_u64, |sum, part| Ok(sum.saturating_add(sealed_len(part.len)?)))
    }

    /// Reads the blob or a part of it, decrypted. The backend is asked for no segment that is not needed; the first
    /// request is made now, others when the body comes to them.
    ///
    /// [`Error::Corrupt`] when the backend has more or fewer bytes than were stored, now or in the body's place.
    pub async fn get(
        &self,
        backend: &Arc<dyn Backend>,
        key: BlobKey,
        data_key: &DataKey,
        range: Option<ByteRange>,
    ) -> Result<Download, Error> {
        let len = self.len();
        let range = match range {
            Some(range) => range.within(len)?,
            None => 0..len,
        };
        let sealed_len = self.sealed_len()?;
        let mut pieces = self.pieces(key, data_key, &range)?.into_iter();
        let Some(first) = pieces.next() else {
            return Err(Error::Setup("an encrypted blob has at least one part".to_owned()));
        };
        let first = first.fetch(&**backend, key, sealed_len).await?;
        let backend = Arc::clone(backend);
        let rest = stream::iter(pieces).then(move |piece| {
            let backend = Arc::clone(&backend);
            async move { piece.fetch(&*backend, key, sealed_len).await }
        });
        let body = first.chain(rest.try_flatten());
        Ok(Download { len, range, body: Box::pin(body) })
    }

    /// What a range needs. An empty one needs something as well: the proof that the blob is empty.
    fn pieces(&self, key: BlobKey, data_key: &DataKey, range: &Range<u64>) -> Result<Vec<Piece>, Error> {
        let (mut begin, mut stored) = (0_u64, 0_u64);
        let mut pieces = Vec::new();
        for part in &self.0 {
            let inner = range.start.max(begin)..range.end.min(begin.saturating_add(part.len));
            let size = sealed_len(part.len)?;
            if inner.start < inner.end || self.is_empty() && pieces.is_empty() {
                let span = Span::new(inner.start - begin..inner.end - begin, part.len)?;
                let at = stored + span.sealed.start..stored + span.sealed.end;
                let opener = Opener::new(data_key, Place::new(key, part.number), part.header)?;
                pieces.push(Piece { opener, span, stored: at });
            }
            begin = begin.saturating_add(part.len);
            stored = stored.saturating_add(size);
        }
        Ok(pieces)
    }
}

impl Piece {
    async fn fetch(self, backend: &dyn Backend, key: BlobKey, sealed_len: u64) -> Result<Body, Error> {
        let whole = self.stored == (0..sealed_len);
        let range = (!whole).then(|| ByteRange::from(self.stored.clone()));
        let download = match backend.get(key, range).await {
            // Asked for nothing that should not be there.
            Err(Error::RangeUnsatisfiable { .. }) => return Err(CHANGED),
            other => other?,
        };
        if download.len != sealed_len || download.range != self.stored {
            return Err(CHANGED);
        }
        Ok(self.opener.open(&self.span, download.body))
    }
}

const CHANGED: Error = Error::Corrupt("an encrypted blob has another length than was stored");
