//! A root key in Amazon's KMS: two requests of its JSON protocol, signed.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use veza_core::Clock;
use veza_core::config::Secret as Hidden;
use zeroize::Zeroizing;

use super::cipher::Secret;
use super::remote;
use super::root::{RootKey, WrappedKey};
use crate::Error;
use crate::backend::Pending;

const JSON: &str = "application/x-amz-json-1.1";

/// Where a key of KMS is, and who uses it.
#[derive(Debug, Clone)]
pub struct KmsConfig {
    /// The key's id or ARN: a symmetric one. Its rotation is Amazon's own affair.
    pub key: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The URL of the service; none means Amazon's own in `region`.
    pub endpoint: Option<String>,
    /// The name of the key that signs requests: `kms:Encrypt` and `kms:Decrypt` are all that it needs.
    pub access_key_id: String,
    /// The key that signs requests.
    pub secret_access_key: Hidden,
    /// Certificates that are trusted besides the system's, as PEM.
    pub ca_file: Option<PathBuf>,
}

/// A key of KMS.
pub struct KmsRootKey {
    config: KmsConfig,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl KmsRootKey {
    /// Tries the key.
    ///
    /// # Errors
    /// [`Error::Setup`], [`Error::Refused`], [`Error::Unavailable`].
    pub async fn open(config: KmsConfig, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let http = remote::client(config.ca_file.as_deref())?;
        let this = Self { config, http, clock };
        this.wrap(b"veza probe", &Secret::default()).await?;
        Ok(this)
    }

    async fn ask(&self, action: &'static str, body: Value) -> Result<Value, Error> {
        let region = &self.config.region;
        let usual = || format!("https://kms.{region}.amazonaws.com");
        let url = format!("{}/", self.config.endpoint.clone().unwrap_or_else(usual).trim_end_matches('/'));
        let body = Zeroizing::new(body.to_string());
        let target = format!("TrentService.{action}");
        let headers = [("content-type", JSON), ("x-amz-target", target.as_str())];
        let mut request = self.http.post(&url);
        for (name, value) in headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())) {
            request = request.header(name, value);
        }
        for (name, value) in self.signature(&url, &headers, body.as_bytes())? {
            request = request.header(name, value);
        }
        let sent = request.body(body.as_bytes().to_vec()).send().await;
        remote::answer(sent, |status, problem| refusal(status, problem, action)).await
    }

    /// The headers that sign a request.
    fn signature(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(String, String)>, Error> {
        const WRONG: Error = Error::Crypto("a request to KMS cannot be signed");
        let secret = self.config.secret_access_key.expose();
        let identity = Credentials::new(&self.config.access_key_id, secret, None, None, "veza").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.config.region)
            .name("kms")
            .time(SystemTime::from(self.clock.now()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|_incomplete| WRONG)?
            .into();
        let signable = SignableRequest::new("POST", url, headers.iter().copied(), SignableBody::Bytes(body))
            .map_err(|_odd| WRONG)?;
        let (instructions, _) = sign(signable, &parameters).map_err(|_odd| WRONG)?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// What KMS says no to. Its words are the last part of `__type`.
fn refusal(status: StatusCode, problem: &Value, action: &str) -> Error {
    let kind = problem.get("__type").and_then(Value::as_str).unwrap_or_default();
    match kind.rsplit('#').next().unwrap_or_default() {
        "InvalidCiphertextException" | "IncorrectKeyException" => {
            Error::Crypto("KMS did not wrap this key, or in another context")
        }
        "NotFoundException" => Error::Setup(format!("KMS: {action}: there is no such key")),
        other => Error::Refused(format!("KMS: {action}: {status} {other}")),
    }
}

impl RootKey for KmsRootKey {
    fn current(&self) -> &str {
        &self.config.key
    }

    fn wrap<'a>(&'a self, context: &'a [u8], key: &'a Secret) -> Pending<'a, WrappedKey> {
        async move {
            let plaintext = Zeroizing::new(BASE64.encode(**key));
            let context = json!({ "veza": BASE64.encode(context) });
            let body =
                json!({ "KeyId": self.config.key, "Plaintext": *plaintext, "EncryptionContext": context });
            let answer = self.ask("Encrypt", body).await?;
            let sealed = answer.get("CiphertextBlob").and_then(Value::as_str);
            let sealed = sealed.and_then(|text| BASE64.decode(text).ok());
            let bytes = sealed.ok_or(Error::Crypto("KMS answered no ciphertext"))?;
            Ok(WrappedKey { root: self.config.key.clone(), bytes })
        }
        .boxed()
    }

    fn unwrap<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> Pending<'a, Secret> {
        async move {
            let context = json!({ "veza": BASE64.encode(context) });
            let body = json!({
                "KeyId": wrapped.root, "CiphertextBlob": BASE64.encode(&wrapped.bytes), "EncryptionContext": context,
            });
            let answer = self.ask("Decrypt", body).await?;
            remote::unwrapped(answer.get("Plaintext").and_then(Value::as_str))
        }
        .boxed()
    }
}

impl fmt::Debug for KmsRootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsRootKey").field("key", &self.config.key).finish_non_exhaustive()
    }
}
