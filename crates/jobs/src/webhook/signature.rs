//! Signatures of Standard Webhooks, version 1: HMAC-SHA256 of `id.timestamp.body`.

use std::sync::Arc;

use aws_lc_rs::hmac::{HMAC_SHA256, Key as HmacKey, sign};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use veza_core::TenantId;

/// What secrets are derived from.
#[derive(Clone)]
pub(super) struct Key(Arc<HmacKey>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// The secret of one endpoint of one tenant.
pub(super) struct EndpointSecret([u8; 32]);

impl Key {
    pub(super) fn new(root: &[u8]) -> Self {
        Self(Arc::new(HmacKey::new(HMAC_SHA256, root)))
    }

    pub(super) fn secret(&self, tenant: TenantId, endpoint: &str) -> EndpointSecret {
        let label =
            [b"veza webhook 1\0".as_slice(), tenant.as_uuid().as_bytes(), endpoint.as_bytes()].concat();
        let mut secret = [0; 32];
        for (to, from) in secret.iter_mut().zip(sign(&self.0, &label).as_ref()) {
            *to = *from;
        }
        EndpointSecret(secret)
    }
}

impl EndpointSecret {
    pub(super) fn shown(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The value of the header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let signature = sign(&HmacKey::new(HMAC_SHA256, &self.0), signed.as_bytes());
        format!("v1,{}", STANDARD.encode(signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// From the specification's own test vectors.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let bytes = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let signature = sign(&HmacKey::new(HMAC_SHA256, &bytes), signed.as_bytes());
        assert_eq!(STANDARD.encode(signature), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_tenant_and_endpoint_has_a_secret_of_its_own() {
        let key = Key::new(b"root");
        let tenant = |number| TenantId::from_verified(Uuid::from_u128(number));
        let secret = |number, endpoint| key.secret(tenant(number), endpoint).shown();
        assert_eq!(secret(1, "a"), secret(1, "a"));
        assert_ne!(secret(1, "a"), secret(2, "a"));
        assert_ne!(secret(1, "a"), secret(1, "b"));
        assert!(secret(1, "a").starts_with("whsec_"));
    }
}
