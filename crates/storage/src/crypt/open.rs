//! Decrypting a stream, or segments of it.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{StreamExt, stream};

use super::cipher::{Cipher, Segment};
use super::header::{HEADER, Header};
use super::layout::{SEGMENT, Span};
use super::{DataKey, Place};
use crate::{Body, Error};

/// Decrypts one stream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Opener {
    header: Header,
    cipher: Arc<Cipher>,
}

/// Decrypts a whole stream of which nothing is known but its key. What comes out is authentic, and ends with
/// [`Error::Corrupt`] where the stream is not what was written.
pub async fn open_stream(key: &DataKey, place: Place, mut body: Body) -> Result<Body, Error> {
    let mut first = BytesMut::new();
    while first.len() < HEADER {
        let Some(chunk) = body.next().await.transpose()? else { break };
        first.extend_from_slice(&chunk);
    }
    let header = Header::from_bytes(first.get(..HEADER).unwrap_or_default())?;
    let rest = stream::iter([Ok(first.freeze())]).chain(body);
    Ok(Opener::new(key, place, header)?.start(Box::pin(rest), 0, true, 0, None))
}

impl Opener {
    /// Decrypts what lies at `place` under the key of its blob, and begins with `header`.
    pub fn new(key: &DataKey, place: Place, header: Header) -> Result<Self, Error> {
        let cipher = Cipher::derive(key.secret(), &header, &place.to_bytes())?;
        Ok(Self { header, cipher: Arc::new(cipher) })
    }

    /// The range of which `span` was made, from the encrypted bytes that it names. Each chunk that comes out
    /// is authentic; [`Error::Corrupt`] comes in the place of what is not.
    pub fn open(&self, span: &Span, body: Body) -> Body {
        self.start(body, span.first, span.ends, span.skip, Some(span.take))
    }

    fn start(&self, body: Body, first: u32, ends: bool, skip: u64, take: Option<u64>) -> Body {
        let state = Opening {
            body,
            coming: BytesMut::new(),
            chunk: Bytes::new(),
            opener: self.clone(),
            number: first,
            ends,
            skip,
            take,
        };
        Box::pin(stream::try_unfold(Some(state), |state| async {
            match state {
                Some(state) => state.next().await,
                None => Ok(None),
            }
        }))
    }
}

struct Opening {
    body: Body,
    /// The beginning of the next segment, in memory that is used again as soon as the one before has gone out.
    coming: BytesMut,
    /// What came last and was not looked at.
    chunk: Bytes,
    opener: Opener,
    number: u32,
    ends: bool,
    /// Bytes to leave out before the next that goes out.
    skip: u64,
    /// Bytes still to come out, if that is known.
    take: Option<u64>,
}

impl Opening {
    /// The next bytes, and the state behind them unless they are the last.
    async fn next(mut self) -> Result<Option<(Bytes, Option<Self>)>, Error> {
        loop {
            self.gather().await?;
            let last = !self.more().await?;
            let opened = self.open(last && self.ends)?;
            if last {
                return match self.take {
                    Some(1..) => Err(Error::Corrupt("an encrypted stream is shorter than was written")),
                    _ => Ok(Some((opened, None))),
                };
            }
            if !opened.is_empty() {
                return Ok(Some((opened, Some(self))));
            }
        }
    }

    /// Takes the bytes of the next segment: all that has a place in one, or all that is left.
    async fn gather(&mut self) -> Result<(), Error> {
        self.coming.reserve(SEGMENT);
        while self.coming.len() < SEGMENT && self.more().await? {
            let room = SEGMENT - self.coming.len();
            self.coming.extend_from_slice(&self.chunk.split_to(room.min(self.chunk.len())));
        }
        Ok(())
    }

    /// Whether there are bytes that were not looked at.
    async fn more(&mut self) -> Result<bool, Error> {
        while self.chunk.is_empty() {
            match self.body.next().await.transpose()? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn open(&mut self, last: bool) -> Result<Bytes, Error> {
        let number = self.number;
        let mut sealed = self.coming.split();
        if number == 0 {
            if !sealed.starts_with(&self.opener.header.to_bytes()) {
                return Err(Error::Corrupt("an encrypted stream begins as another"));
            }
            sealed.advance(HEADER);
        }
        let segment = Segment { number, last };
        let len = self.opener.cipher.open(segment, &mut sealed)?;
        sealed.truncate(len);
        let mut opened = sealed.freeze();
        if !last {
            self.number = segment.next()?;
        }
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX).min(opened.len());
        opened.advance(skip);
        self.skip -= u64::try_from(skip).unwrap_or_default();
        if let Some(take) = &mut self.take {
            opened.truncate(usize::try_from(*take).unwrap_or(usize::MAX));
            *take -= u64::try_from(opened.len()).unwrap_or_default();
        }
        Ok(opened)
    }
}
