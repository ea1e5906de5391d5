//! A body in pieces of one length.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::body::Meter;
use crate::{Body, Error};

/// How a body begins.
pub(super) enum Begun {
    /// It is one piece.
    Whole(Bytes),
    /// It has these, and what follows.
    Parts(Bytes, Bytes, Chunks),
}

/// Cuts a body into pieces.
pub(super) struct Chunks {
    body: Body,
    meter: Meter,
    rest: Bytes,
    size: usize,
}

impl Chunks {
    /// Takes as much of a body as tells whether it is more than one piece of `size` bytes. It has `len`, if that is given, and
    /// no more than `max`.
    pub(super) async fn begin(body: Body, len: Option<u64>, size: usize, max: u64) -> Result<Begun, Error> {
        if len.is_some_and(|len| len > max) {
            return Err(Error::TooLarge { max });
        }
        let mut chunks = Self { body, meter: Meter::new(len), rest: Bytes::new(), size };
        let first = chunks.next().await?;
        let second = chunks.behind(first.len()).await?;
        Ok(if second.is_empty() { Begun::Whole(first) } else { Begun::Parts(first, second, chunks) })
    }

    /// The piece behind one of `len` bytes; nothing when that was the last.
    pub(super) async fn behind(&mut self, len: usize) -> Result<Bytes, Error> {
        if len < self.size { Ok(Bytes::new()) } else { self.next().await }
    }

    /// The next piece. One that is not full is the last, and the body was as long as was announced.
    async fn next(&mut self) -> Result<Bytes, Error> {
        let mut piece = BytesMut::new();
        loop {
            let room = self.size - piece.len();
            let more = self.rest.split_to(room.min(self.rest.len()));
            // Once there is more than a little, the memory is taken in one go.
            if !piece.is_empty() && piece.capacity() < self.size {
                piece.reserve(room);
            }
            piece.extend_from_slice(&more);
            if piece.len() == self.size {
                return Ok(piece.freeze());
            }
            let Some(chunk) = self.body.next().await.transpose()? else {
                self.meter.finish()?;
                return Ok(piece.freeze());
            };
            self.meter.count(&chunk)?;
            self.rest = chunk;
        }
    }
}
