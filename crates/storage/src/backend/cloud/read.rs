//! Reading blobs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use object_store::{GetOptions, GetRange, ObjectStoreExt};

use super::error::failed;
use super::{ByteRange, Cloud, Download, bytes};
use crate::{BlobKey, Body, Error};

/// The largest offset that is sent: services calculate with signed numbers.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// Gives what was asked of a blob.
pub(super) async fn get(
    cloud: Arc<Cloud>,
    key: BlobKey,
    range: Option<ByteRange>,
) -> Result<Download, Error> {
    let Ok(wanted) = range.map(wanted).transpose() else { return Err(unsatisfiable(&cloud, key).await) };
    let options = GetOptions::new().with_range(wanted);
    let found = match cloud.store.get_opts(&cloud.path(key), options).await.map_err(failed("read an object"))
    {
        Ok(found) => found,
        // The library has no word for a range behind the end.
        Err(error @ Error::Unavailable { .. }) => return Err(behind(&cloud, key, range, error).await),
        Err(error) => return Err(error),
    };
    let (len, range) = (found.meta.size, found.range.clone());
    let source = found.into_stream().map(|chunk| chunk.map_err(failed("read an object"))).boxed();
    Ok(Download { len, body: whole(source, range.end - range.start), range })
}

/// The range in the library's words; none if it has no bytes in any blob.
fn wanted(range: ByteRange) -> Result<GetRange, ()> {
    match range.end {
        _ if range.start >= LARGEST => Err(()),
        Some(end) if end <= range.start => Err(()),
        Some(end) if end < LARGEST => Ok(GetRange::Bounded(range.start..end)),
        _ => Ok(GetRange::Offset(range.start)),
    }
}

async fn unsatisfiable(cloud: &Cloud, key: BlobKey) -> Error {
    match cloud.store.head(&cloud.path(key)).await {
        Ok(found) => Error::RangeUnsatisfiable { len: found.size },
        Err(error) => failed("look at an object")(error),
    }
}

/// What an error means that came for a range: if that begins behind the end, then this.
async fn behind(cloud: &Cloud, key: BlobKey, range: Option<ByteRange>, error: Error) -> Error {
    let Some(range) = range else { return error };
    match cloud.store.head(&cloud.path(key)).await {
        Ok(found) => range.within(found.size).err().unwrap_or(error),
        Err(_) => error,
    }
}

/// A body that ends with an error when it has another length than was promised.
fn whole(source: BoxStream<'static, Result<bytes::Bytes, Error>>, rest: u64) -> Body {
    Box::pin(stream::try_unfold((source, rest), |(mut source, rest)| async move {
        let Some(mut chunk) = source.next().await.transpose()? else {
            let reason = "read an object: the body ended early".to_owned();
            let short = Error::Unavailable { retry_after: Duration::from_secs(5), reason };
            return if rest == 0 { Ok(None) } else { Err(short) };
        };
        chunk.truncate(usize::try_from(rest).unwrap_or(usize::MAX));
        let rest = rest - bytes(chunk.len());
        Ok(Some((chunk, (source, rest))))
    }))
}
