//! Bodies of all kinds.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use veza_storage::{Body, Error, body};

/// Bytes that do not repeat themselves in any period that a backend works in.
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Bytes in chunks of `size`, with an empty one between them.
pub(crate) fn chunked(bytes: &[u8], size: usize) -> Body {
    let chunks: Vec<Result<Bytes, Error>> =
        bytes.chunks(size).flat_map(|chunk| [Ok(Bytes::copy_from_slice(chunk)), Ok(Bytes::new())]).collect();
    Box::pin(stream::iter(chunks))
}

/// Bytes, and then an error.
pub(crate) fn breaking(bytes: &[u8]) -> Body {
    let error = stream::iter([Err(Error::Body("the client went away".into()))]);
    Box::pin(chunked(bytes, 10_000).chain(error))
}

/// Bytes, and then nothing for ever. Whoever waits for the `Notify` knows that the bytes were taken.
pub(crate) fn hanging(bytes: &[u8]) -> (Body, Arc<Notify>) {
    let taken = Arc::new(Notify::new());
    let tell = Arc::clone(&taken);
    let rest = stream::poll_fn(move |_| {
        tell.notify_one();
        std::task::Poll::Pending
    });
    (Box::pin(body::full(bytes.to_vec()).chain(rest)), taken)
}
