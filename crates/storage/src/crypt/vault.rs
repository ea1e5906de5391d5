//! A root key in the transit engine of Vault, or of what speaks its protocol.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use veza_core::config::Secret as Token;
use zeroize::Zeroizing;

use super::cipher::Secret;
use super::remote;
use super::root::{RootKey, WrappedKey};
use crate::Error;
use crate::backend::Pending;

/// Where a key of the transit engine is.
#[derive(Debug, Clone)]
pub struct VaultConfig {
    /// The service, such as `https://vault.example:8200`.
    pub url: String,
    /// Where the engine is mounted, as a rule `transit`.
    pub mount: String,
    /// The name of the key, of type `aes256-gcm96`: others take no associated data.
    pub key: String,
    /// What shows that we may use it: `encrypt` and `decrypt` with the key, and reading it.
    pub token: Token,
    /// Certificates that are trusted besides the system's, as PEM.
    pub ca_file: Option<PathBuf>,
}

/// A key of the transit engine. Its versions are Vault's: `vault:KEY:v2`.
pub struct VaultRootKey {
    config: VaultConfig,
    http: reqwest::Client,
    current: String,
}

impl VaultRootKey {
    /// Looks at the key, which must be there.
    ///
    /// # Errors
    /// [`Error::Setup`] when there is no such key, or it is of another type; [`Error::Refused`] without the right.
    pub async fn open(config: VaultConfig) -> Result<Self, Error> {
        let word = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        };
        if !word(&config.key) || !word(&config.mount) {
            return Err(Error::Setup("Vault: mount and key are words".to_owned()));
        }
        let http = remote::client(config.ca_file.as_deref())?;
        let this = Self { config, http, current: String::new() };
        let url = format!("{}/keys/{}", this.engine(), this.config.key);
        let sent = this.http.get(url).header("X-Vault-Token", this.config.token.expose()).send().await;
        let found = remote::answer(sent, |status, _| refusal(status, "look at the key")).await?;
        let data = found.get("data");
        let field = |name: &str| data.and_then(|data| data.get(name));
        if field("type").and_then(Value::as_str) != Some("aes256-gcm96") {
            return Err(Error::Setup(format!(
                "Vault: the key {} is not of type aes256-gcm96",
                this.config.key
            )));
        }
        let version = field("latest_version").and_then(Value::as_u64);
        let version = version.ok_or_else(|| Error::Setup("Vault: the key has no version".to_owned()))?;
        let current = this.name(&format!("v{version}"));
        Ok(Self { current, ..this })
    }

    fn engine(&self) -> String {
        format!("{}/v1/{}", self.config.url.trim_end_matches('/'), self.config.mount)
    }

    fn name(&self, version: &str) -> String {
        format!("vault:{}:{version}", self.config.key)
    }

    async fn ask(&self, what: &'static str, body: Value) -> Result<Value, Error> {
        let url = format!("{}/{what}/{}", self.engine(), self.config.key);
        let body = Zeroizing::new(body.to_string());
        let request = self.http.post(url).header("X-Vault-Token", self.config.token.expose());
        let request = request.header("content-type", "application/json").body(body.as_bytes().to_vec());
        remote::answer(request.send().await, |status, _| refusal(status, what)).await
    }
}

fn refusal(status: StatusCode, what: &str) -> Error {
    match status {
        StatusCode::BAD_REQUEST => Error::Crypto("Vault did not wrap this key, or in another context"),
        StatusCode::NOT_FOUND => Error::Setup(format!("Vault: {what}: there is no such key")),
        _ => Error::Refused(format!("Vault: {what}: {status}")),
    }
}

fn text_of<'v>(answer: &'v Value, name: &str) -> Option<&'v str> {
    answer.get("data")?.get(name)?.as_str()
}

impl RootKey for VaultRootKey {
    fn current(&self) -> &str {
        &self.current
    }

    fn wrap<'a>(&'a self, context: &'a [u8], key: &'a Secret) -> Pending<'a, WrappedKey> {
        async move {
            let plaintext = Zeroizing::new(BASE64.encode(**key));
            let body = json!({ "plaintext": *plaintext, "associated_data": BASE64.encode(context) });
            let answer = self.ask("encrypt", body).await?;
            let sealed =
                text_of(&answer, "ciphertext").ok_or(Error::Crypto("Vault answered no ciphertext"))?;
            let version = sealed.strip_prefix("vault:").and_then(|rest| rest.split(':').next());
            let version = version.ok_or(Error::Crypto("Vault answered another form of ciphertext"))?;
            Ok(WrappedKey { root: self.name(version), bytes: sealed.as_bytes().to_vec() })
        }
        .boxed()
    }

    fn unwrap<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> Pending<'a, Secret> {
        async move {
            let sealed = std::str::from_utf8(&wrapped.bytes);
            let sealed = sealed.map_err(|_other| Error::Crypto("a key that Vault did not wrap"))?;
            let body = json!({ "ciphertext": sealed, "associated_data": BASE64.encode(context) });
            let answer = self.ask("decrypt", body).await?;
            remote::unwrapped(text_of(&answer, "plaintext"))
        }
        .boxed()
    }
}

impl fmt::Debug for VaultRootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultRootKey").field("current", &self.current).finish_non_exhaustive()
    }
}
