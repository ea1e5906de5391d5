//! What an offer and its answer agreed.

use std::fmt;

use crate::track::Track;

/// The user name and password that one side's connectivity checks are known by (RFC 8839 section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `a=ice-ufrag`.
    pub ufrag: String,
    /// `a=ice-pwd`.
    pub pwd: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// SHA-256 of a certificate (`a=fingerprint`, RFC 8122).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    /// As SDP writes it, without the name of the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// All that the data plane has to know of a peer. The peer is the DTLS client, whoever offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Ours, which the peer's checks are addressed to.
    pub local: Credentials,
    /// The peer's.
    pub remote: Credentials,
    /// The certificate that the peer must show: the hashes that it said, any of which will do.
    pub fingerprints: Vec<Fingerprint>,
    /// The tracks, in the order of their media sections.
    pub tracks: Vec<Track>,
}
