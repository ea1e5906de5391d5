//! What root keys share that are kept by a service: HTTP, and what its answers mean.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::StatusCode;
use serde_json::Value;
use zeroize::Zeroizing;

use super::cipher::Secret;
use crate::Error;

/// When to try again to reach a service.
const LATER: Duration = Duration::from_secs(5);

pub(super) fn client(ca_file: Option<&Path>) -> Result<reqwest::Client, Error> {
    let setup = |error: reqwest::Error| Error::Setup(format!("the root key's service: {error}"));
    let mut builder =
        reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).timeout(Duration::from_secs(15));
    if let Some(path) = ca_file {
        let pem = std::fs::read(path)
            .map_err(|error| Error::Setup(format!("certificates {}: {error}", path.display())))?;
        for certificate in reqwest::Certificate::from_pem_bundle(&pem).map_err(setup)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(setup)
}

/// An answer as JSON. What the service refuses is told by `refusal`.
pub(super) async fn answer(
    sent: Result<reqwest::Response, reqwest::Error>,
    refusal: impl FnOnce(StatusCode, &Value) -> Error,
) -> Result<Value, Error> {
    let away = |error: reqwest::Error| Error::Unavailable {
        retry_after: LATER,
        reason: format!("root key: {error}"),
    };
    let answer = sent.map_err(away)?;
    let status = answer.status();
    let text = Zeroizing::new(answer.text().await.map_err(away)?);
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(value);
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Error::Unavailable { retry_after: LATER, reason: format!("root key: {status}") });
    }
    Err(refusal(status, &value))
}

/// The key that a service unwrapped.
pub(super) fn unwrapped(text: Option<&str>) -> Result<Secret, Error> {
    const WRONG: Error = Error::Crypto("the root key's service answered no key of 32 bytes");
    let bytes = Zeroizing::new(BASE64.decode(text.ok_or(WRONG)?).map_err(|_other| WRONG)?);
    let mut key = Secret::default();
    if bytes.len() != key.len() {
        return Err(WRONG);
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}
