//! Speaking to the HTTP API.

use std::fmt::Write;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::cli::ClientArgs;
use crate::error::Error;

/// How often a request is made that the service puts off.
const ATTEMPTS: u32 = 12;
/// The longest wait for another attempt.
const LONGEST: u64 = 60;

/// A caller of the API.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Client {
    pub(super) fn new(args: &ClientArgs) -> Result<Self, Error> {
        let key = match (&args.api_key, &args.api_key_file) {
            (Some(key), _) => key.clone(),
            (None, Some(file)) => {
                let what = format!("cannot read {}", file.display());
                std::fs::read_to_string(file).map_err(|source| Error::Io { what, source })?.trim().to_owned()
            }
            (None, None) => return Err(Error::Other("no API key: --api-key, or VEZA_API_KEY".to_owned())),
        };
        // Bodies take as long as they take; a connection that says nothing has broken.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_mins(2))
            .build();
        let http = http.map_err(|error| Error::Other(format!("cannot set up HTTP: {error}")))?;
        Ok(Self { http, url: args.url.trim_end_matches('/').to_owned(), key })
    }

    /// A request to a path behind `/v1/storage`.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/v1/storage{path}", self.url)).bearer_auth(&self.key)
    }

    /// Where the API is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Makes a request, again when the service asks to come back later. `make` is asked for each attempt.
    pub(super) async fn send(
        &self,
        make: impl AsyncFnMut(&Self) -> Result<RequestBuilder, Error>,
    ) -> Result<Response, Error> {
        refused(self.ask(make).await?).await
    }

    /// The same with whatever answer.
    pub(super) async fn ask(
        &self,
        mut make: impl AsyncFnMut(&Self) -> Result<RequestBuilder, Error>,
    ) -> Result<Response, Error> {
        let mut attempt = 1;
        loop {
            let answer = make(self).await?.send().await;
            let answer = match answer {
                Err(error) if error.is_connect() && attempt < 3 => {
                    attempt += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                other => other.map_err(|error| failed(&error))?,
            };
            let busy =
                matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            if !busy || attempt >= ATTEMPTS {
                return Ok(answer);
            }
            attempt += 1;
            let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1).clamp(1, LONGEST))).await;
        }
    }

    /// What a path shows, as JSON.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Error> {
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", written(query)) };
        let answer = self.send(async |client| Ok(client.request(Method::GET, &path))).await?;
        json(answer).await
    }

    /// What posting a body is answered with.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let make = async |client: &Self| {
            let request = client.request(Method::POST, path).header("content-type", "application/json");
            Ok(request.body(body.to_string()))
        };
        json(self.send(make).await?).await
    }
}

pub(super) fn failed(error: &reqwest::Error) -> Error {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        // Writing to a string does not fail.
        let _always = write!(text, ": {next}");
        cause = next.source();
    }
    Error::Other(text)
}

async fn json(answer: Response) -> Result<Value, Error> {
    let text = answer.text().await.map_err(|error| failed(&error))?;
    serde_json::from_str(&text)
        .map_err(|error| Error::Other(format!("the service answered nonsense: {error}")))
}

/// An answer that is no refusal, or what the problem says.
pub(super) async fn refused(answer: Response) -> Result<Response, Error> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let say = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let fields = problem.get("errors").filter(|errors| !errors.is_null());
    let fields = fields.map(|errors| format!(" {errors}")).unwrap_or_default();
    Err(Error::Other(format!("{status}: {} ({}){fields}", say("detail"), say("code"))))
}

/// A query as it is sent.
fn written(query: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{name}={}", escaped(value, false))).collect();
    pairs.join("&")
}

/// The path of an object, or of anything else of a bucket.
pub(super) fn path_of(bucket: &str, rest: &str) -> String {
    format!("/buckets/{}/{}", escaped(bucket, false), escaped(rest, true))
}

/// A text as it stands in a URL.
fn escaped(text: &str, slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || slashes && byte == b'/';
        if plain {
            out.push(char::from(byte));
        } else {
            let _always = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_but_for_their_slashes() {
        assert_eq!(path_of("files", "objects/a b/é%?#"), "/buckets/files/objects/a%20b/%C3%A9%25%3F%23");
        assert_eq!(written(&[("prefix", "a/b"), ("cursor", "=")]), "prefix=a%2Fb&cursor=%3D");
    }
}
