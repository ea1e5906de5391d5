//! Several ranges in one answer: `multipart/byteranges` (RFC 9110, section 14.6).

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::read::Opened;
use crate::{Body, Error};

/// Parts, and what stands between them.
#[derive(Debug)]
pub(super) struct Multipart {
    boundary: String,
    parts: Vec<(Bytes, Range<u64>)>,
    end: Bytes,
}

impl Multipart {
    pub(super) fn new(boundary: String, ranges: Vec<Range<u64>>, content_type: &str, len: u64) -> Self {
        let head = |range: Range<u64>| {
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {}\r\n\r\n",
                content_range(&range, len)
            );
            (Bytes::from(head), range)
        };
        let parts = ranges.into_iter().map(head).collect();
        let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        Self { boundary, parts, end }
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// Bytes of the whole answer.
    pub(super) fn len(&self) -> u64 {
        let text = |bytes: &Bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let parts = self.parts.iter().map(|(head, range)| text(head) + (range.end - range.start));
        parts.sum::<u64>() + text(&self.end)
    }

    /// The answer. Each part is opened when the one before has ended.
    pub(super) fn body(self, opened: Opened) -> Body {
        let opened = Arc::new(opened);
        let parts = stream::iter(self.parts).then(move |(head, range)| {
            let opened = Arc::clone(&opened);
            async move {
                let bytes = opened.bytes(range).await?;
                Ok::<_, Error>(stream::iter([Ok(head)]).chain(bytes))
            }
        });
        let end = self.end;
        Box::pin(parts.try_flatten().chain(stream::once(async move { Ok(end) })))
    }
}

/// `Content-Range` of a range that is not empty.
pub(super) fn content_range(range: &Range<u64>, len: u64) -> String {
    format!("bytes {}-{}/{len}", range.start, range.end.saturating_sub(1))
}
