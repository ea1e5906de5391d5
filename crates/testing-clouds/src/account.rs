//! The service account whose tokens are let in.

use std::io;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use veza_core::{Clock, SystemClock};

/// What lets a token write to storage.
const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/devstorage.read_write",
];

const EMAIL: &str = "veza@testing.iam.gserviceaccount.com";

/// A key pair, and what Google would give of it.
#[derive(Debug)]
pub(crate) struct Account {
    public: Vec<u8>,
    key: String,
}

impl Account {
    pub(crate) fn generate() -> io::Result<Self> {
        let failed = |_unspecified| io::Error::other("a key cannot be made");
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
        let text = STANDARD.encode(private.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let key = json!({ "type": "service_account", "private_key": pem, "private_key_id": "1", "client_email": EMAIL });
        Ok(Self { public: public.as_ref().to_vec(), key: key.to_string() })
    }

    /// What a client is configured with.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether an `Authorization` holds a token that the account signed, for storage, and that has not expired.
    pub(crate) fn lets_in(&self, authorization: &str) -> bool {
        self.claims(authorization).is_some_and(|claims| {
            let until = claims.get("exp").and_then(Value::as_i64).unwrap_or_default();
            let is = |name: &str, value| claims.get(name).and_then(Value::as_str) == Some(value);
            let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
            is("iss", EMAIL) && SCOPES.contains(&scope) && until > SystemClock.now().timestamp()
        })
    }

    fn claims(&self, authorization: &str) -> Option<Value> {
        let (signed, signature) = authorization.strip_prefix("Bearer ")?.rsplit_once('.')?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public);
        key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let (_, claims) = signed.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}
