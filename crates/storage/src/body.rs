//! Bytes on their way.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use crate::{BoxError, Error};

/// A stream of bytes. A source that breaks says so with an error, and what read it discards the rest.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// Bytes of a chunk of a body that is in memory: work on one should not keep others waiting.
const CHUNK: usize = 128 * 1024;

/// A body that is in memory.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    let mut rest = bytes.into();
    let next = move || (!rest.is_empty()).then(|| Ok(rest.split_to(CHUNK.min(rest.len()))));
    Box::pin(stream::iter(std::iter::from_fn(next)))
}

/// A body without bytes.
pub fn empty() -> Body {
    Box::pin(stream::empty())
}

/// A body from somebody else's stream: the request of a client.
pub fn from_stream<E: Into<BoxError>>(source: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Body {
    Box::pin(source.map(|chunk| chunk.map_err(|error| Error::Body(error.into()))))
}

/// Counts a body and compares it with what was announced.
#[derive(Debug)]
pub(crate) struct Meter {
    expected: Option<u64>,
    actual: u64,
}

impl Meter {
    pub(crate) const fn new(expected: Option<u64>) -> Self {
        Self { expected, actual: 0 }
    }

    /// Counts a chunk; an error as soon as there is too much.
    pub(crate) fn count(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.actual = self.actual.saturating_add(chunk.len().try_into().unwrap_or(u64::MAX));
        match self.expected {
            Some(expected) if self.actual > expected => Err(Error::Length { expected, actual: self.actual }),
            _ => Ok(()),
        }
    }

    /// Bytes counted, when that is what was announced.
    pub(crate) fn finish(&self) -> Result<u64, Error> {
        match self.expected {
            Some(expected) if self.actual != expected => Err(Error::Length { expected, actual: self.actual }),
            _ => Ok(self.actual),
        }
    }
}

/// Takes chunks of a body until `target` bytes are there or it ends; empty ones are dropped.
pub(crate) struct Batches {
    body: Body,
    pub(crate) meter: Meter,
}

impl Batches {
    pub(crate) fn new(body: Body, len: Option<u64>) -> Self {
        Self { body, meter: Meter::new(len) }
    }

    /// The next chunks, at least `target` bytes unless it is the end. No chunks: the body has ended.
    pub(crate) async fn next(&mut self, target: usize) -> Result<Vec<Bytes>, Error> {
        let mut batch = Vec::new();
        let mut size = 0;
        while size < target {
            let Some(chunk) = self.body.next().await.transpose()? else { break };
            self.meter.count(&chunk)?;
            size += chunk.len();
            if !chunk.is_empty() {
                batch.push(chunk);
            }
        }
        Ok(batch)
    }
}
