//! One file, up or down.

use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use indicatif::ProgressBar;
use reqwest::header::{CONTENT_LENGTH, ETAG, IF_MATCH, RANGE};
use reqwest::{Body, Method, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio_util::io::ReaderStream;

use super::client::{Client, failed, path_of};
use super::resumable;
use crate::error::Error;

/// Bytes that are read from a file at a time.
pub(super) const STEP: usize = 256 * 1024;
/// How often a download goes on that broke off.
const ATTEMPTS: u32 = 5;

/// What a copy took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copied {
    pub(super) bytes: u64,
    /// Bytes that an earlier command had copied.
    pub(super) resumed_at: u64,
}

impl Copied {
    /// All bytes anew.
    pub(super) fn whole(bytes: u64) -> Self {
        Self { bytes, resumed_at: 0 }
    }
}

/// Stores a file as an object.
pub(super) async fn up(
    client: &Client,
    path: &Path,
    bucket: &str,
    key: &str,
    bar: &ProgressBar,
) -> Result<Copied, Error> {
    let object = path_of(bucket, &format!("objects/{key}"));
    let size = tokio::fs::metadata(path).await.map_err(io("look at", path))?.len();
    if size >= resumable::FROM {
        return resumable::up(client, path, bucket, key, size, bar).await;
    }
    let before = bar.position();
    let make = async |client: &Client| {
        bar.set_position(before.max(bar.position().saturating_sub(size)));
        let file = File::open(path).await.map_err(io("open", path))?;
        let bar = bar.clone();
        let chunks = ReaderStream::with_capacity(file, STEP).inspect(move |chunk| {
            bar.inc(chunk.as_ref().map_or(0, |chunk| u64::try_from(chunk.len()).unwrap_or(0)));
        });
        let request = client.request(Method::PUT, &object).header(CONTENT_LENGTH, size);
        Ok(request.body(Body::wrap_stream(chunks)))
    };
    client.send(make).await?;
    Ok(Copied::whole(size))
}

/// Stores an object as a file: beside it first, and under its name when it is whole.
pub(super) async fn down(
    client: &Client,
    bucket: &str,
    key: &str,
    path: &Path,
    bar: &ProgressBar,
) -> Result<Copied, Error> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(parent).await.map_err(io("make", parent))?;
    }
    let part = beside(path);
    let fetched = fetch(client, bucket, key, &part, bar).await;
    match fetched {
        Ok(bytes) => {
            tokio::fs::rename(&part, path).await.map_err(io("rename", &part))?;
            Ok(Copied::whole(bytes))
        }
        Err(error) => {
            // Whoever tries again begins anew; what is left would be taken for more than it is.
            let _gone = tokio::fs::remove_file(&part).await;
            Err(error)
        }
    }
}

async fn fetch(
    client: &Client,
    bucket: &str,
    key: &str,
    part: &Path,
    bar: &ProgressBar,
) -> Result<u64, Error> {
    let object = path_of(bucket, &format!("objects/{key}"));
    let mut file = BufWriter::with_capacity(STEP, File::create(part).await.map_err(io("make", part))?);
    let (mut at, mut etag): (u64, Option<String>) = (0, None);
    for attempt in 1..=ATTEMPTS {
        let make = async |client: &Client| {
            let request = client.request(Method::GET, &object);
            Ok(match &etag {
                // The same bytes as before, or none.
                Some(etag) if at > 0 => request.header(RANGE, format!("bytes={at}-")).header(IF_MATCH, etag),
                _ => request,
            })
        };
        let answer = client.send(make).await?;
        if at > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(Error::Other(format!("{key}: the service does not go on where it was")));
        }
        etag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let mut body = answer.bytes_stream();
        let broken = loop {
            match body.next().await {
                Some(Ok(chunk)) => {
                    file.write_all(&chunk).await.map_err(io("write", part))?;
                    let len = u64::try_from(chunk.len()).unwrap_or(0);
                    (at, ()) = (at + len, bar.inc(len));
                }
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        match broken {
            None => {
                file.flush().await.map_err(io("write", part))?;
                file.get_ref().sync_all().await.map_err(io("write", part))?;
                return Ok(at);
            }
            Some(error) if attempt == ATTEMPTS || etag.is_none() => return Err(failed(&error)),
            Some(_) => {}
        }
    }
    Err(Error::Other(format!("{key}: it broke off again and again")))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".veza-part");
    path.with_file_name(name)
}

pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let what = format!("cannot {what} {}", path.display());
    move |source| Error::Io { what, source }
}
