//! The certificate that all sessions of a process show.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::crypto::Certificate;

use crate::agreed::Fingerprint;
use crate::plane::PlaneError;

/// An ECDSA key on P-256 and its certificate, signed by itself: peers know it by its hash.
#[derive(Clone)]
pub(crate) struct OwnCertificate {
    pub(super) certificate: Certificate,
    pub(super) provider: Arc<dyn RTCCryptoProvider>,
    pub(crate) fingerprint: Fingerprint,
}

impl std::fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnCertificate").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl OwnCertificate {
    /// Makes one.
    pub(crate) fn generate() -> Result<Self, PlaneError> {
        let provider = rtc_crypto::default_provider().map_err(|error| PlaneError::crypto(&error))?;
        let names = vec!["veza".to_owned()];
        let certificate = Certificate::generate_self_signed(names, provider.crypto());
        let certificate = certificate.map_err(|error| PlaneError::crypto(&error))?;
        let fingerprint = certificate.certificate.first().map(|der| fingerprint(der));
        let fingerprint = fingerprint.ok_or_else(|| PlaneError::crypto(&"no certificate was made"))?;
        Ok(Self { certificate, provider, fingerprint })
    }
}

/// SHA-256 of a certificate in DER.
pub(super) fn fingerprint(der: &[u8]) -> Fingerprint {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, der).as_ref()) {
        *to = *from;
    }
    Fingerprint(hash)
}
