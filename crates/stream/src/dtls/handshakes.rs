//! All handshakes of a process, without a socket or a clock.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::HandshakeConfig;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::certificate::{OwnCertificate, fingerprint};
use super::config::config;
use super::hello::{Fragment, offers_gcm};
use super::kept::{Kept, Said};
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
    /// What says goodbye to it (`close_notify`).
    pub(crate) goodbye: Bytes,
}

impl std::fmt::Debug for Handshaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshaken").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Peers that shake hands, or have.
pub(crate) struct Handshakes {
    endpoint: Endpoint,
    provider: Arc<dyn RTCCryptoProvider>,
    /// For peers who know AES-GCM, and for the others.
    gcm: Arc<HandshakeConfig>,
    counter: Arc<HandshakeConfig>,
    /// The first words of peers, as far as they came.
    greetings: HashMap<SocketAddr, Greeting>,
    /// Those who shake hands. The endpoint tells peers apart by address. Theirs may change, so each gets one that stands for
    /// its session.
    peers: HashSet<SocketAddr>,
    /// Those who are done.
    done: HashMap<SessionId, Kept>,
}

/// A `ClientHello`, as far as it came, and the datagrams that it came in.
#[derive(Debug, Default)]
struct Greeting {
    hello: Vec<u8>,
    datagrams: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshakes")
            .field("peers", &self.peers.len())
            .field("done", &self.done.len())
            .finish_non_exhaustive()
    }
}

impl Handshakes {
    pub(crate) fn new(own: &OwnCertificate) -> Result<Self, PlaneError> {
        let nowhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 1));
        Ok(Self {
            provider: Arc::clone(&own.provider),
            endpoint: Endpoint::new(nowhere, TransportProtocol::UDP, None),
            gcm: config(own, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm)?,
            counter: config(own, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)?,
            greetings: HashMap::new(),
            peers: HashSet::new(),
            done: HashMap::new(),
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
        if self.peers.contains(&peer) {
            return self.read(now, peer, session, datagram);
        }
        if let Some(kept) = self.done.remove(&session) {
            return self.hear(now, session, kept, datagram);
        }
        let Some(greeting) = self.greet(peer, datagram) else { return Vec::new() };
        let config = if offers_gcm(&greeting.hello) { &self.gcm } else { &self.counter };
        self.endpoint.set_server_config(Some(Arc::clone(config)));
        self.peers.insert(peer);
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
                            let done = self.finish(now, session, &outcomes);
                            outcomes.push((session, done.map_or(Outcome::Failed, Outcome::Done)));
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
        let due: Vec<SocketAddr> = self.peers.iter().filter(due).copied().collect();
        for peer in due {
            if let (Err(_error), Some(session)) = (self.endpoint.handle_timeout(peer, now), session_of(peer))
            {
                outcomes.push((session, Outcome::Failed));
            }
        }
        outcomes.extend(self.datagrams());
        outcomes
    }

    /// When [`Self::tick`] has something to do.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.peers.iter().filter_map(|peer| self.endpoint.poll_timeout(peer)).min()
    }

    /// Forgets a peer.
    pub(crate) fn end(&mut self, now: Instant, session: SessionId) {
        let peer = place(session);
        self.endpoint.stop(now, peer);
        while self.endpoint.poll_transmit().is_some() {}
        self.forget(peer);
        self.done.remove(&session);
    }

    /// Peers of whom anything is kept.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.peers.len() + self.greetings.len() + self.done.len()
    }

    /// Bytes that are kept of one who is done.
    #[cfg(test)]
    pub(super) fn kept(&self, session: SessionId) -> Option<usize> {
        self.done.get(&session).map(Kept::bytes)
    }

    fn forget(&mut self, peer: SocketAddr) {
        self.greetings.remove(&peer);
        self.peers.remove(&peer);
    }

    /// Takes a datagram of one who is done.
    fn hear(
        &mut self,
        now: Instant,
        session: SessionId,
        mut kept: Kept,
        datagram: &[u8],
    ) -> Vec<(SessionId, Outcome)> {
        let mut outcomes = Vec::new();
        match Said::read(datagram) {
            Some(Said::Finished) => {
                outcomes.extend(kept.repeat().into_iter().map(|last| (session, Outcome::Datagram(last))));
            }
            Some(Said::Alert) => {
                let peer = place(session);
                if kept.thaw(&self.provider, &self.gcm, &mut self.endpoint, now, peer) {
                    outcomes = self.read(now, peer, session, datagram);
                    // What was said must not be said again under the same number.
                    match self.endpoint.stop(now, peer).and_then(|connection| kept.frozen(&connection)) {
                        Some(frozen) => kept = frozen,
                        // It is over.
                        None => return outcomes,
                    }
                    while self.endpoint.poll_transmit().is_some() {}
                }
            }
            None => {}
        }
        self.done.insert(session, kept);
        outcomes
    }

    fn datagrams(&mut self) -> Vec<(SessionId, Outcome)> {
        let mut outcomes = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if let Some(session) = session_of(transmit.transport.peer_addr) {
                outcomes.push((session, Outcome::Datagram(transmit.message.freeze())));
            }
        }
        outcomes
    }

    /// Takes what was agreed with a peer that is done, whose `last` datagrams were told just now, and keeps no more of it than
    /// is needed.
    fn finish(
        &mut self,
        now: Instant,
        session: SessionId,
        last: &[(SessionId, Outcome)],
    ) -> Option<Handshaken> {
        let peer = place(session);
        self.forget(peer);
        let agreed = self.agreed(peer);
        let connection = self.endpoint.stop(now, peer)?;
        let goodbye = self.endpoint.poll_transmit()?.message.freeze();
        let last = last.iter().filter_map(|(_, outcome)| match outcome {
            Outcome::Datagram(bytes) => Some(bytes.clone()),
            _ => None,
        });
        self.done.insert(session, Kept::new(&connection, last.collect())?);
        let (profile, material, fingerprint) = agreed?;
        Some(Handshaken { profile, material, fingerprint, goodbye })
    }

    fn agreed(&self, peer: SocketAddr) -> Option<(Profile, Zeroizing<Vec<u8>>, Fingerprint)> {
        let state = self.endpoint.get_connection_state(peer)?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::Aes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmSha1_80,
            _ => return None,
        };
        let material = state.export_keying_material(LABEL, &[], profile.keying_material()).ok()?;
        let fingerprint = fingerprint(state.peer_certificates.first()?);
        Some((profile, Zeroizing::new(material.as_ref().to_vec()), fingerprint))
    }
}

/// The address that stands for a session.
fn place(session: SessionId) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::from(session.as_uuid().as_u128()), 1))
}

/// The session that an address stands for.
fn session_of(place: SocketAddr) -> Option<SessionId> {
    match place.ip() {
        IpAddr::V6(ip) => Some(SessionId::from_uuid(Uuid::from_u128(ip.to_bits()))),
        IpAddr::V4(_) => None,
    }
}
