//! Encrypting a stream.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use veza_core::Random;

use super::cipher::{Cipher, Segment, TAG};
use super::header::{HEADER, Header};
use super::layout::{SEGMENT, capacity};
use super::{DataKey, Place};
use crate::{Body, Error};

/// Encrypts one stream, and only one: a second one gets another.
#[derive(Debug)]
pub struct Sealer {
    header: Header,
    cipher: Cipher,
}

impl Sealer {
    /// Encrypts what is to lie at `place` under the key of its blob.
    pub fn new(key: &DataKey, place: Place, random: &dyn Random) -> Result<Self, Error> {
        Self::with_header(key, place, Header::generate(random))
    }

    pub(super) fn with_header(key: &DataKey, place: Place, header: Header) -> Result<Self, Error> {
        Ok(Self { header, cipher: Cipher::derive(key.secret(), &header, &place.to_bytes())? })
    }

    /// What the encrypted form begins with. Whoever keeps it reads ranges with one request.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The encrypted form, which has [`sealed_len`](super::sealed_len) bytes.
    pub fn seal(self, body: Body) -> Body {
        let state =
            Sealing { body, rest: Bytes::new(), filling: Filling::first(self.header), cipher: self.cipher };
        Box::pin(stream::try_unfold(Some(state), |state| async {
            match state {
                Some(state) => state.next().await.map(Some),
                None => Ok(None),
            }
        }))
    }
}

struct Sealing {
    body: Body,
    /// Bytes that came and are not in a segment.
    rest: Bytes,
    filling: Filling,
    cipher: Cipher,
}

impl Sealing {
    /// The next segment, and the state behind it unless it was the last.
    async fn next(mut self) -> Result<(Bytes, Option<Self>), Error> {
        loop {
            self.filling.take(&mut self.rest);
            if !self.rest.is_empty() {
                let next = self.filling.next()?;
                let full = std::mem::replace(&mut self.filling, next);
                return Ok((full.seal(&self.cipher, false)?, Some(self)));
            }
            match self.body.next().await.transpose()? {
                Some(chunk) => self.rest = chunk,
                None => return Ok((self.filling.seal(&self.cipher, true)?, None)),
            }
        }
    }
}

/// A segment that is being filled.
struct Filling {
    number: u32,
    bytes: Vec<u8>,
    /// Bytes at the beginning that are not encrypted.
    plain: usize,
}

impl Filling {
    fn first(header: Header) -> Self {
        let mut bytes = Vec::with_capacity(SEGMENT);
        bytes.extend_from_slice(&header.to_bytes());
        Self { number: 0, bytes, plain: HEADER }
    }

    fn next(&self) -> Result<Self, Error> {
        let number = Segment { number: self.number, last: false }.next()?;
        Ok(Self { number, bytes: Vec::with_capacity(SEGMENT), plain: 0 })
    }

    /// Takes as much of `rest` as has a place.
    fn take(&mut self, rest: &mut Bytes) {
        let room = self.plain + capacity(self.number) - self.bytes.len();
        let taken = rest.split_to(room.min(rest.len()));
        self.bytes.extend_from_slice(&taken);
    }

    fn seal(mut self, cipher: &Cipher, last: bool) -> Result<Bytes, Error> {
        let bytes = self.bytes.get_mut(self.plain..).unwrap_or_default();
        let tag: [u8; TAG] = cipher.seal(Segment { number: self.number, last }, bytes)?;
        self.bytes.extend_from_slice(&tag);
        Ok(self.bytes.into())
    }
}
