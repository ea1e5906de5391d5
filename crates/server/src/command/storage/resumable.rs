//! Large files, which go on where they broke off: tus 1.0.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::StreamExt;
use indicatif::ProgressBar;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncSeekExt;
use tokio_util::io::ReaderStream;

use super::client::{Client, path_of, refused};
use super::note::{Journey, Note};
use super::transfer::{Copied, STEP, io};
use crate::error::Error;

/// Files from here on are sent so, in bytes. Smaller ones are soon sent again.
pub(super) const FROM: u64 = 32 * 1024 * 1024;
/// How often it is tried to go on without any progress.
const ATTEMPTS: u32 = 5;

/// A file on its way.
struct Upload<'a> {
    client: &'a Client,
    /// Behind `/v1/storage`.
    path: String,
    file: &'a Path,
    size: u64,
    bar: &'a ProgressBar,
    /// Where the bar stood before.
    before: u64,
}

/// Stores a file as an object, or goes on with what an earlier command began.
pub(super) async fn up(
    client: &Client,
    file: &Path,
    bucket: &str,
    key: &str,
    size: u64,
    bar: &ProgressBar,
) -> Result<Copied, Error> {
    let note = Note::of(Journey::new(client.url(), bucket, key, file)?);
    let (path, resumed_at) = if let Some(found) = known(client, note.read(), size).await {
        found
    } else {
        let path = begin(client, bucket, key, size).await?;
        note.write(&path)?;
        (path, 0)
    };
    let upload = Upload { client, path, file, size, bar, before: bar.position() };
    upload.send_from(resumed_at).await?;
    note.remove();
    Ok(Copied { bytes: size, resumed_at })
}

/// An upload of which we know, if it is still there, and how far it is.
async fn known(client: &Client, path: Option<String>, size: u64) -> Option<(String, u64)> {
    let path = path?;
    let at = offset(client, &path).await.ok()?;
    (at <= size).then_some((path, at))
}

async fn begin(client: &Client, bucket: &str, key: &str, size: u64) -> Result<String, Error> {
    let uploads = path_of(bucket, "tus");
    let metadata = format!("key {}", BASE64.encode(key));
    let make = async |client: &Client| {
        let request = tus(client.request(Method::POST, &uploads)).header(CONTENT_LENGTH, 0);
        Ok(request.header("upload-length", size).header("upload-metadata", &metadata))
    };
    let answer = client.send(make).await?;
    let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
    let id = place.and_then(|place| place.rsplit('/').next()).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Error::Other("the service does not say where the upload is".to_owned()))?;
    Ok(path_of(bucket, &format!("tus/{id}")))
}

/// How far an upload is.
async fn offset(client: &Client, path: &str) -> Result<u64, Error> {
    offset_of(&client.send(async |client| Ok(tus(client.request(Method::HEAD, path)))).await?)
}

fn offset_of(answer: &Response) -> Result<u64, Error> {
    let offset = answer.headers().get("upload-offset").and_then(|value| value.to_str().ok()?.parse().ok());
    offset.ok_or_else(|| Error::Other("the service does not say how far the upload is".to_owned()))
}

fn tus(request: RequestBuilder) -> RequestBuilder {
    request.header("tus-resumable", "1.0.0")
}

impl Upload<'_> {
    async fn send_from(&self, mut at: u64) -> Result<(), Error> {
        let mut failures = 0;
        while at < self.size {
            self.bar.set_position(self.before + at);
            let Err(error) = self.append(at).await.map(|offset| at = offset) else { continue };
            // What the service refuses it refuses again.
            let Broken::Off(error) = error else { return Err(error.into()) };
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = offset(self.client, &self.path).await?;
            failures = if now > at { 0 } else { failures + 1 };
            if failures == ATTEMPTS {
                return Err(error);
            }
            at = now;
        }
        self.bar.set_position(self.before + self.size);
        Ok(())
    }

    /// Sends all that is left; answers how far it is then.
    async fn append(&self, at: u64) -> Result<u64, Broken> {
        let make = async |client: &Client| {
            let mut file = File::open(self.file).await.map_err(io("open", self.file))?;
            file.seek(SeekFrom::Start(at)).await.map_err(io("read", self.file))?;
            let bar = self.bar.clone();
            let chunks = ReaderStream::with_capacity(file, STEP).inspect(move |chunk| {
                bar.inc(chunk.as_ref().map_or(0, |chunk| u64::try_from(chunk.len()).unwrap_or(0)));
            });
            let request = tus(client.request(Method::PATCH, &self.path)).header("upload-offset", at);
            let request = request.header(CONTENT_TYPE, "application/offset+octet-stream");
            Ok(request.header(CONTENT_LENGTH, self.size - at).body(Body::wrap_stream(chunks)))
        };
        let answer = self.client.ask(make).await.map_err(Broken::Off)?;
        match answer.status() {
            // Bytes that were on their way when the command before ended came after all.
            StatusCode::CONFLICT => Err(Broken::Off(refused(answer).await.err().unwrap_or_else(nothing))),
            _ => offset_of(&refused(answer).await.map_err(Broken::Refused)?).map_err(Broken::Refused),
        }
    }
}

/// Why bytes did not arrive.
enum Broken {
    Off(Error),
    Refused(Error),
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Off(error) | Broken::Refused(error) => error,
        }
    }
}

fn nothing() -> Error {
    Error::Other("a conflict without a reason".to_owned())
}
