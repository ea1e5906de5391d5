//! Reading blobs.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::stream;

use super::error::failed;
use super::store::Store;
use super::{ByteRange, Download};
use crate::{BlobKey, Body, Error};

/// How often a body goes on that broke off without a byte.
const RESUMES: u32 = 4;

/// Gives what was asked of a blob.
pub(super) async fn get(
    store: Arc<Store>,
    key: BlobKey,
    range: Option<ByteRange>,
) -> Result<Download, Error> {
    let Ok(header) = range.map(header).transpose() else { return unsatisfiable(&store, key).await };
    let answer = match request(&store, key, header, None).await {
        Err(Error::RangeUnsatisfiable { .. }) => return unsatisfiable(&store, key).await,
        other => other?,
    };
    let (len, sent) = extent(&answer)?;
    let range = match range {
        Some(range) => range.within(len)?,
        None => 0..len,
    };
    if range != sent {
        return Err(Error::Unsupported("read a range: the service answered with another one"));
    }
    let reading = Reading {
        store,
        key,
        tag: answer.e_tag().map(str::to_owned),
        rest: range.clone(),
        source: Some(answer.body),
        failures: 0,
    };
    Ok(Download { len, range, body: reading.body() })
}

/// The range in HTTP's words; none if it has no bytes in any blob.
fn header(range: ByteRange) -> Result<String, ()> {
    let largest = i64::MAX.unsigned_abs();
    match range.end {
        _ if range.start > largest => Err(()),
        Some(end) if end <= range.start => Err(()),
        Some(end) => Ok(format!("bytes={}-{}", range.start, (end - 1).min(largest))),
        None => Ok(format!("bytes={}-", range.start)),
    }
}

async fn unsatisfiable(store: &Store, key: BlobKey) -> Result<Download, Error> {
    Err(Error::RangeUnsatisfiable { len: store.head(key).await?.len })
}

async fn request(
    store: &Store,
    key: BlobKey,
    range: Option<String>,
    tag: Option<String>,
) -> Result<GetObjectOutput, Error> {
    let request = store.client.get_object().bucket(&store.config.bucket).key(store.name(key));
    request.set_range(range).set_if_match(tag).send().await.map_err(failed("read an object"))
}

/// The length of the object, and what of it the answer holds.
fn extent(answer: &GetObjectOutput) -> Result<(u64, Range<u64>), Error> {
    let wrong = Error::Corrupt("the service does not say what it sends");
    let sent = answer.content_length().and_then(|len| u64::try_from(len).ok());
    let Some(sent) = sent else { return Err(wrong) };
    let Some(range) = answer.content_range() else { return Ok((sent, 0..sent)) };
    let Some((len, range)) = parse(range) else { return Err(wrong) };
    if range.end - range.start == sent { Ok((len, range)) } else { Err(wrong) }
}

/// Reads `bytes 0-4/10`.
fn parse(text: &str) -> Option<(u64, Range<u64>)> {
    let (range, len) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse::<u64>().ok()?);
    let end = last.checked_add(1).filter(|end| first < *end)?;
    Some((len.parse().ok().filter(|len| end <= *len)?, first..end))
}

/// A body that goes on where it broke off: bytes that were promised never change.
struct Reading {
    store: Arc<Store>,
    key: BlobKey,
    tag: Option<String>,
    rest: Range<u64>,
    source: Option<ByteStream>,
    failures: u32,
}

impl Reading {
    fn body(self) -> Body {
        Box::pin(stream::try_unfold(self, |mut this| async {
            if this.rest.is_empty() {
                return Ok(None);
            }
            let chunk = this.next().await?;
            Ok(Some((chunk, this)))
        }))
    }

    async fn next(&mut self) -> Result<Bytes, Error> {
        loop {
            let Some(source) = &mut self.source else {
                self.resume().await?;
                continue;
            };
            match source.next().await {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(mut chunk)) => {
                    let wanted = self.rest.end - self.rest.start;
                    chunk.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
                    self.rest.start += super::store::bytes(chunk.len());
                    self.failures = 0;
                    return Ok(chunk);
                }
                Some(Err(error)) => self.broken(&error.to_string())?,
                None => self.broken("the body ended early")?,
            }
        }
    }

    fn broken(&mut self, reason: &str) -> Result<(), Error> {
        self.source = None;
        self.failures += 1;
        if self.failures > RESUMES {
            let reason = format!("read an object: {reason}");
            return Err(Error::Unavailable { retry_after: Duration::from_secs(5), reason });
        }
        tracing::debug!(reason, blob.key = %self.key, "a body broke off and goes on");
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), Error> {
        if self.failures > 1 {
            tokio::time::sleep(Duration::from_millis(50 << self.failures)).await;
        }
        let header = header(self.rest.clone().into()).ok();
        let answer = match request(&self.store, self.key, header, self.tag.clone()).await {
            // Somebody replaced it, which our keys never do.
            Err(Error::Exists) => return Err(Error::Corrupt("an object changed while it was read")),
            other => other?,
        };
        let (_, sent) = extent(&answer)?;
        if sent != self.rest {
            return Err(Error::Unsupported("go on reading: the service answered with another range"));
        }
        self.source = Some(answer.body);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_as_http_has_them() {
        let of = |start, end| header(ByteRange { start, end });
        assert_eq!(of(0, Some(1)).unwrap(), "bytes=0-0");
        assert_eq!(of(5, None).unwrap(), "bytes=5-");
        assert_eq!(of(5, Some(u64::MAX)).unwrap(), "bytes=5-9223372036854775807");
        for (start, end) in [(5, Some(5)), (5, Some(4)), (u64::MAX, None)] {
            assert_eq!(of(start, end), Err(()));
        }
    }

    #[test]
    fn content_ranges_are_read() {
        assert_eq!(parse("bytes 0-4/10"), Some((10, 0..5)));
        assert_eq!(parse("bytes 9-9/10"), Some((10, 9..10)));
        for text in ["bytes 0-10/10", "bytes 5-4/10", "bytes */10", "0-4/10", "bytes 0-4/*", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
