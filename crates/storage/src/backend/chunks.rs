//! A body in pieces of one length.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::body::Meter;
use crate::{Body, Error};

/// Cuts a body into pieces.
pub(super) struct Chunks {
    body: Body,
    meter: Meter,
    rest: Bytes,
    size: usize,
}

impl Chunks {
    /// Pieces of `size` bytes; the body has `len`, if that is given.
    pub(super) fn new(body: Body, len: Option<u64>, size: usize) -> Self {
        Self { body, meter: Meter::new(len), rest: Bytes::new(), size }
    }

    /// The next piece. One that is not full is the last, and the body was as long as was announced.
    pub(super) async fn next(&mut self) -> Result<Bytes, Error> {
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
