//! All handshakes of a process, without a socket or a clock.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use zeroize::Zeroizing;

use super::certificate::{OwnCertificate, fingerprint};
use super::hello::{Fragment, offers_gcm};
use crate::agreed::Fingerprint;
use crate::id::SessionId;
use crate::plane::PlaneError;
use crate::srtp::Profile;

/// Bytes that a `ClientHello` may have: those with keys that withstand quantum computers have less than half.
const LONGEST_HELLO: usize = 4_096;
/// Datagrams that it may come in.
const MOST_FRAGMENTS: usize = 16;
/// RFC 5705, RFC 5764 section 4.2.
pub(super) const LABEL: &str = "EXTRACTOR-dtls_srtp";

/// What came of a handshake.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// To be sent to the peer.
    Datagram(Bytes),
    /// The peer has shown who it is.
    Done(Handshaken),
    /// The peer said goodbye.
    Closed,
    /// It will come to nothing.
    Failed,
}

/// What a handshake agreed.
pub(crate) struct Handshaken {
    /// How packets are protected.
    pub(crate) profile: Profile,
    /// What their keys are made of.
    pub(crate) material: Zeroizing<Vec<u8>>,
    /// The certificate that the peer has shown.
    pub(crate) fingerprint: Fingerprint,
}

impl std::fmt::Debug for Handshaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshaken").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Peers that shake hands, or have.
pub(crate) struct Handshakes {
    endpoint: Endpoint,
    /// For peers who know AES-GCM, and for the others.
    gcm: Arc<HandshakeConfig>,
    counter: Arc<HandshakeConfig>,
    /// The first words of peers, as far as they came.
    greetings: HashMap<SocketAddr, Greeting>,
    /// The endpoint tells peers apart by address. Theirs may change, so each gets one that stands for its session.
    peers: HashMap<SocketAddr, SessionId>,
    /// Those who are not done.
    pending: HashSet<SocketAddr>,
}

/// A `ClientHello`, as far as it came, and the datagrams that it came in.
#[derive(Debug, Default)]
struct Greeting {
    hello: Vec<u8>,
    datagrams: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshakes").field("peers", &self.peers.len()).finish_non_exhaustive()
    }
}

impl Handshakes {
    pub(crate) fn new(own: &OwnCertificate) -> Result<Self, PlaneError> {
        let nowhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 1));
        Ok(Self {
            endpoint: Endpoint::new(nowhere, TransportProtocol::UDP, None),
            gcm: config(own, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm)?,
            counter: config(own, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)?,
            greetings: HashMap::new(),
            peers: HashMap::new(),
            pending: HashSet::new(),
        })
    }

    /// Takes a datagram of a session's peer.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        session: SessionId,
        datagram: &[u8],
    ) -> Vec<(SessionId, Outcome)> {
        let peer = place(session);
        if self.peers.contains_key(&peer) {
            return self.read(now, peer, session, datagram);
        }
        let Some(greeting) = self.greet(peer, datagram) else { return Vec::new() };
        let config = if offers_gcm(&greeting.hello) { &self.gcm } else { &self.counter };
        self.endpoint.set_server_config(Some(Arc::clone(config)));
        self.peers.insert(peer, session);
        self.pending.insert(peer);
        greeting.datagrams.iter().flat_map(|datagram| self.read(now, peer, session, datagram)).collect()
    }

    /// Collects the first words of a peer, until all of them are there.
    fn greet(&mut self, peer: SocketAddr, datagram: &[u8]) -> Option<Greeting> {
        let length = Fragment::all(datagram).next()?.length;
        if length > LONGEST_HELLO {
            return None;
        }
        let greeting = self.greetings.entry(peer).or_default();
        let before = greeting.hello.len();
        for fragment in Fragment::all(datagram) {
            let goes_on = fragment.length == length && fragment.offset == greeting.hello.len();
            if goes_on && greeting.datagrams.len() < MOST_FRAGMENTS {
                greeting.hello.extend(fragment.bytes);
            }
        }
        if greeting.hello.len() > before {
            greeting.datagrams.push(datagram.to_vec());
        }
        if greeting.hello.len() < length { None } else { self.greetings.remove(&peer) }
    }

    fn read(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        session: SessionId,
        datagram: &[u8],
    ) -> Vec<(SessionId, Outcome)> {
        let events = self.endpoint.read(now, peer, None, BytesMut::from(datagram));
        let mut outcomes = self.datagrams();
        match events {
            Ok(events) => {
                for event in events {
                    match event {
                        EndpointEvent::HandshakeComplete => {
                            self.pending.remove(&peer);
                            let done = self.done(peer).map_or(Outcome::Failed, Outcome::Done);
                            outcomes.push((session, done));
                        }
                        EndpointEvent::PeerClosed => {
                            self.forget(peer);
                            outcomes.push((session, Outcome::Closed));
                        }
                        // Nobody has agreed to send data.
                        _ => {}
                    }
                }
            }
            // Records of others may have been put in between: only time ends a handshake.
            Err(error) => tracing::debug!(session.id = %session, %error, "a DTLS record was refused"),
        }
        outcomes
    }

    /// Sends again what was not answered.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<(SessionId, Outcome)> {
        let mut outcomes = Vec::new();
        let due = |peer: &&SocketAddr| self.endpoint.poll_timeout(peer).is_some_and(|at| at <= now);
        let due: Vec<SocketAddr> = self.pending.iter().filter(due).copied().collect();
        for peer in due {
            if let (Err(_error), Some(session)) =
                (self.endpoint.handle_timeout(peer, now), self.peers.get(&peer))
            {
                outcomes.push((*session, Outcome::Failed));
            }
        }
        outcomes.extend(self.datagrams());
        outcomes
    }

    /// When [`Self::tick`] has something to do.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.pending.iter().filter_map(|peer| self.endpoint.poll_timeout(peer)).min()
    }

    /// Says goodbye to a peer, and forgets it.
    pub(crate) fn end(&mut self, now: Instant, session: SessionId) -> Vec<(SessionId, Outcome)> {
        let peer = place(session);
        self.endpoint.stop(now, peer);
        let outcomes = self.datagrams();
        self.forget(peer);
        outcomes
    }

    /// Peers of whom anything is kept.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.peers.len() + self.greetings.len()
    }

    fn forget(&mut self, peer: SocketAddr) {
        self.greetings.remove(&peer);
        self.peers.remove(&peer);
        self.pending.remove(&peer);
    }

    fn datagrams(&mut self) -> Vec<(SessionId, Outcome)> {
        let mut outcomes = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if let Some(session) = self.peers.get(&transmit.transport.peer_addr) {
                outcomes.push((*session, Outcome::Datagram(transmit.message.freeze())));
            }
        }
        outcomes
    }

    fn done(&self, peer: SocketAddr) -> Option<Handshaken> {
        let state = self.endpoint.get_connection_state(peer)?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::Aes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmSha1_80,
            _ => return None,
        };
        let material = state.export_keying_material(LABEL, &[], profile.keying_material()).ok()?;
        let fingerprint = fingerprint(state.peer_certificates.first()?);
        Some(Handshaken { profile, material: Zeroizing::new(material.as_ref().to_vec()), fingerprint })
    }
}

/// How a peer is met with whom media is protected by `profile`.
fn config(own: &OwnCertificate, profile: SrtpProtectionProfile) -> Result<Arc<HandshakeConfig>, PlaneError> {
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

/// The address that stands for a session.
fn place(session: SessionId) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::from(session.as_uuid().as_u128()), 1))
}
