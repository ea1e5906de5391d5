//! How peers are met.

use std::sync::Arc;

use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use super::certificate::OwnCertificate;
use crate::plane::PlaneError;

/// How a peer is met with whom media is protected by `profile`.
pub(super) fn config(
    own: &OwnCertificate,
    profile: SrtpProtectionProfile,
) -> Result<Arc<HandshakeConfig>, PlaneError> {
    let config = ConfigBuilder::default()
        .with_crypto_provider(Arc::clone(&own.provider))
        .with_certificates(vec![own.certificate.clone()])
        .with_srtp_protection_profiles(vec![profile])
        // Its hash is compared when it is done.
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_insecure_skip_verify(true)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .build(false, None);
    Ok(Arc::new(config.map_err(|error| PlaneError::crypto(&error))?))
}
