//! A peer's transport: one socket, ICE, DTLS and SRTP, by another implementation than the one that is measured.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;

use crate::Outcome;
use crate::machine::nanos;
use crate::sdp::{Description, Media};

/// What all peers of this process share.
pub struct Identity {
    provider: Arc<dyn RTCCryptoProvider>,
    dtls: Arc<HandshakeConfig>,
    fingerprint: [u8; 32],
}

impl Identity {
    pub fn new() -> Outcome<Self> {
        let provider = rtc_crypto::default_provider()?;
        let certificate = Certificate::generate_self_signed(vec!["bench".to_owned()], provider.crypto())?;
        let fingerprint = hash(&certificate.certificate[0]);
        let dtls = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&provider))
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            // Its hash is compared with what it said.
            .with_insecure_skip_verify(true)
            // As libwebrtc begins.
            .with_flight_interval(std::time::Duration::from_millis(50))
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .build(true, None)?;
        Ok(Self { provider, dtls: Arc::new(dtls), fingerprint })
    }

    /// A new peer, as it describes itself.
    pub fn describe(&self, number: usize, media: Vec<Media>) -> Description {
        Description {
            ufrag: format!("b{number:06}"),
            pwd: format!("{number:024}"),
            fingerprint: self.fingerprint,
            address: None,
            media,
        }
    }
}

fn hash(der: &[u8]) -> [u8; 32] {
    digest(&SHA256, der).as_ref().try_into().unwrap_or([0; 32])
}

/// What a datagram was.
#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    Nothing,
    /// Media may flow from now on.
    Open,
    Media,
    Reports,
}

pub struct Link {
    pub socket: UdpSocket,
    own: Description,
    peer: Description,
    address: SocketAddr,
    transaction: TransactionId,
    endpoint: Option<Box<Endpoint>>,
    pub seal: Option<Context>,
    pub open: Option<Context>,
    /// When the first check went out.
    pub began: u64,
    checked_at: u64,
}

/// Checks are repeated so often until one is answered, and then to keep consent, as Chromium does.
const AGAIN: [u64; 2] = [100_000_000, 2_500_000_000];

impl Link {
    pub fn new(own: Description, peer: Description) -> Outcome<Self> {
        let address = peer.address.ok_or("the peer said no address")?;
        let any = if address.ip().is_loopback() { "127.0.0.1:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        socket.connect(address)?;
        let transaction = TransactionId::new();
        Ok(Self {
            socket,
            own,
            peer,
            address,
            transaction,
            endpoint: None,
            seal: None,
            open: None,
            began: nanos(),
            checked_at: 0,
        })
    }

    /// Does what is due.
    pub fn tick(&mut self, identity: &Identity, now: u64) -> Outcome {
        if now >= self.checked_at + AGAIN[usize::from(self.endpoint.is_some())] {
            self.checked_at = now;
            self.check(identity)?;
        }
        if self.open.is_none()
            && let Some(endpoint) = &mut self.endpoint
        {
            // It says so when its timer ran out while it worked on an answer, and goes on.
            let _busy = endpoint.handle_timeout(self.address, Instant::now());
            Self::transmit(&self.socket, endpoint);
        }
        Ok(())
    }

    fn check(&mut self, identity: &Identity) -> Outcome {
        self.transaction = TransactionId::new();
        let mut message = Message::new();
        let user = format!("{}:{}", self.peer.ufrag, self.own.ufrag);
        let name = TextAttribute::new(ATTR_USERNAME, user);
        message.build(&[Box::new(BINDING_REQUEST), Box::new(self.transaction), Box::new(name)])?;
        message.add(ATTR_PRIORITY, &1_845_501_695_u32.to_be_bytes());
        message.add(ATTR_ICE_CONTROLLING, &0x1234_5678_9abc_def0_u64.to_be_bytes());
        message.add(ATTR_USE_CANDIDATE, &[]);
        let crypto = identity.provider.crypto();
        MessageIntegrity::new_short_term_integrity_with_provider(self.peer.pwd.clone(), crypto)
            .add_to(&mut message)?;
        FINGERPRINT.add_to(&mut message)?;
        let _lost = self.socket.send(&message.raw);
        Ok(())
    }

    /// Takes a datagram; media and reports are left as they are.
    pub fn take(&mut self, identity: &Identity, datagram: &[u8]) -> Outcome<Got> {
        match datagram.first() {
            Some(0..=3) => self.answered(identity, datagram),
            Some(20..=63) => self.shake(identity, datagram),
            Some(128..=191) if self.open.is_none() => Ok(Got::Nothing),
            Some(128..=191) if datagram.get(1).is_some_and(|kind| (192..=223).contains(kind)) => {
                Ok(Got::Reports)
            }
            Some(128..=191) => Ok(Got::Media),
            _ => Ok(Got::Nothing),
        }
    }

    fn answered(&mut self, identity: &Identity, datagram: &[u8]) -> Outcome<Got> {
        let mut message = Message::new();
        message.unmarshal_binary(datagram)?;
        let crypto = identity.provider.crypto();
        if message.typ == BINDING_REQUEST {
            return self.answer(&mut message, identity);
        }
        if message.transaction_id != self.transaction {
            return Ok(Got::Nothing);
        }
        if message.typ != BINDING_SUCCESS {
            return Err(format!("the check was answered with {}", message.typ).into());
        }
        MessageIntegrity::check(&mut message, self.peer.pwd.as_bytes(), crypto)?;
        if self.endpoint.is_none() {
            let mut endpoint =
                Box::new(Endpoint::new(self.socket.local_addr()?, TransportProtocol::UDP, None));
            endpoint.connect(Instant::now(), self.address, Arc::clone(&identity.dtls), None)?;
            Self::transmit(&self.socket, &mut endpoint);
            self.endpoint = Some(endpoint);
        }
        Ok(Got::Nothing)
    }

    /// Peers that are not lite check as well.
    fn answer(&mut self, request: &mut Message, identity: &Identity) -> Outcome<Got> {
        let crypto = identity.provider.crypto();
        MessageIntegrity::check(request, self.own.pwd.as_bytes(), crypto)?;
        let mut message = Message::new();
        let address =
            rtc_stun::xoraddr::XorMappedAddress { ip: self.address.ip(), port: self.address.port() };
        message.build(&[Box::new(BINDING_SUCCESS), Box::new(request.transaction_id), Box::new(address)])?;
        MessageIntegrity::new_short_term_integrity_with_provider(self.own.pwd.clone(), crypto)
            .add_to(&mut message)?;
        FINGERPRINT.add_to(&mut message)?;
        let _lost = self.socket.send(&message.raw);
        Ok(Got::Nothing)
    }

    fn shake(&mut self, identity: &Identity, datagram: &[u8]) -> Outcome<Got> {
        let Some(endpoint) = &mut self.endpoint else { return Ok(Got::Nothing) };
        let events = endpoint.read(Instant::now(), self.address, None, BytesMut::from(datagram));
        Self::transmit(&self.socket, endpoint);
        // What came twice or too early is no reason to give up: only time is.
        let events = events.unwrap_or_default();
        if !events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
            return Ok(Got::Nothing);
        }
        let state = endpoint.get_connection_state(self.address).ok_or("no state after the handshake")?;
        if state.peer_certificates.first().map(|der| hash(der)) != Some(self.peer.fingerprint) {
            return Err("the peer has shown another certificate than it said".into());
        }
        let mut config = Config { profile: ProtectionProfile::AeadAes128Gcm, ..Config::default() };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)?;
        config.set_session_keys_from_keying_material(material.as_ref(), true)?;
        let (keys, crypto) = (&config.keys, identity.provider.crypto());
        let context = |key: &[u8], salt: &[u8]| Context::new(key, salt, config.profile, None, None, crypto);
        self.seal = Some(context(&keys.local_master_key, &keys.local_master_salt)?);
        self.open = Some(context(&keys.remote_master_key, &keys.remote_master_salt)?);
        Ok(Got::Open)
    }

    fn transmit(socket: &UdpSocket, endpoint: &mut Endpoint) {
        while let Some(transmit) = endpoint.poll_transmit() {
            let _lost = socket.send(&transmit.message);
        }
    }

    /// Seals reports and sends them.
    pub fn report(&mut self, compound: &[u8]) -> Outcome {
        if let Some(seal) = &mut self.seal {
            let _lost = self.socket.send(&seal.encrypt_rtcp(compound)?);
        }
        Ok(())
    }

    /// What the peer said of itself.
    pub fn peer(&self) -> &Description {
        &self.peer
    }
}
