//! A forwarder as it is written first: a peer connection of the crate `rtc` for each viewer, each packet written to each.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_nack, configure_rtcp_reports, configure_twcc,
};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use super::Serves;
use crate::Outcome;
use crate::sdp::{AUDIO, VIDEO};

/// Timers of all peers are looked at so often.
const SWEEP: Duration = Duration::from_millis(10);

type Answer = Result<String, String>;

/// Talks to the thread that forwards.
pub struct Naive {
    offers: Sender<(bool, String, Sender<Answer>)>,
}

impl Naive {
    pub fn start() -> Outcome<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(1)))?;
        let (offers, asked) = channel();
        let local = socket.local_addr()?;
        let forwarder =
            Forwarder { socket, local, peers: Vec::new(), addresses: HashMap::new(), names: HashMap::new() };
        std::thread::spawn(move || forwarder.run(&asked));
        Ok(Self { offers })
    }

    fn ask(&self, is_viewer: bool, offer: &str) -> Outcome<String> {
        let (answer, answered) = channel();
        self.offers.send((is_viewer, offer.to_owned(), answer))?;
        Ok(answered.recv()??)
    }
}

impl Serves for Naive {
    fn publish(&mut self, offer: &str) -> Outcome<String> {
        self.ask(false, offer)
    }

    fn view(&mut self, offer: &str) -> Outcome<String> {
        self.ask(true, offer)
    }
}

struct Forwarder {
    socket: UdpSocket,
    local: SocketAddr,
    /// The first publishes.
    peers: Vec<Peer>,
    addresses: HashMap<SocketAddr, usize>,
    names: HashMap<String, usize>,
}

struct Peer {
    connection: RTCPeerConnection,
    /// Sound and pictures: who sends, and as which source.
    senders: Vec<(RTCRtpSenderId, u32)>,
}

impl Forwarder {
    fn run(mut self, asked: &Receiver<(bool, String, Sender<Answer>)>) {
        let mut buffer = vec![0; 2_048];
        let mut next_sweep = Instant::now();
        loop {
            while let Ok((is_viewer, offer, answer)) = asked.try_recv() {
                let _gone = answer.send(self.add(is_viewer, offer).map_err(|error| error.to_string()));
            }
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => self.datagram(&buffer[..length], from),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => eprintln!("{error}"),
            }
            let now = Instant::now();
            if now >= next_sweep {
                next_sweep = now + SWEEP;
                for at in 0..self.peers.len() {
                    let connection = &mut self.peers[at].connection;
                    if connection.poll_timeout().is_some_and(|due| due <= now) {
                        let _closed = connection.handle_timeout(now);
                        self.drain(at);
                    }
                }
            }
        }
    }

    fn datagram(&mut self, bytes: &[u8], from: SocketAddr) {
        let at = match self.addresses.get(&from) {
            Some(at) => *at,
            None => match named(bytes).and_then(|name| self.names.get(name)) {
                Some(at) => {
                    self.addresses.insert(from, *at);
                    *at
                }
                None => return,
            },
        };
        let transport = TransportContext {
            local_addr: self.local,
            peer_addr: from,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        let message = TaggedBytesMut { now: Instant::now(), transport, message: BytesMut::from(bytes) };
        if let Err(error) = self.peers[at].connection.handle_read(message) {
            eprintln!("peer {at}: {error}");
        }
        self.drain(at);
    }

    /// Sends what a peer's connection wants to be sent, and forwards what it received.
    fn drain(&mut self, at: usize) {
        let connection = &mut self.peers[at].connection;
        while let Some(transmit) = connection.poll_write() {
            let _lost = self.socket.send_to(&transmit.message, transmit.transport.peer_addr);
        }
        while connection.poll_event().is_some() {}
        let mut received = Vec::new();
        while let Some(message) = connection.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = message.message {
                received.push(packet);
            }
        }
        if at == 0 {
            received.into_iter().for_each(|packet| self.forward(&packet));
        }
    }

    fn forward(&mut self, packet: &rtp::Packet) {
        let which = usize::from(packet.header.payload_type != AUDIO);
        for at in 1..self.peers.len() {
            let Peer { connection, senders } = &mut self.peers[at];
            let (sender, ssrc) = senders[which];
            let mut packet = packet.clone();
            packet.header.ssrc = ssrc;
            packet.header.payload_type = if which == 0 { AUDIO } else { VIDEO };
            packet.header.extension = false;
            packet.header.extensions.clear();
            if let Some(mut sender) = connection.rtp_sender(sender) {
                // Not connected yet.
                let _early = sender.write_rtp(Instant::now(), packet);
            }
            self.drain(at);
        }
    }

    fn add(&mut self, is_viewer: bool, offer: String) -> Outcome<String> {
        let at = self.peers.len();
        let (name, password) = (format!("n{at:07}"), format!("{at:024}"));
        let mut media = MediaEngine::default();
        media.register_default_codecs()?;
        let registry = configure_rtcp_reports(configure_nack(Registry::new(), &mut media));
        let registry = configure_twcc(registry, &mut media)?;
        let settings = SettingEngineBuilder::new()
            .with_lite(true)
            .with_answering_dtls_role(RTCDtlsRole::Server)
            .with_include_loopback_candidate(true)
            .with_ice_credentials(name.clone(), password)
            .build();
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_setting_engine(settings)
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .build(Instant::now())?;
        let mut senders = Vec::new();
        if is_viewer {
            for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
                let ssrc = 0x5000_0000 + u32::try_from(at)? * 2 + u32::from(kind == RtpCodecKind::Video);
                senders.push((connection.add_track(track(kind, ssrc))?, ssrc));
            }
        }
        connection.set_remote_description(Instant::now(), RTCSessionDescription::offer(offer)?)?;
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: self.local.ip().to_string(),
                port: self.local.port(),
                component: 1,
                ..CandidateConfig::default()
            },
            ..CandidateHostConfig::default()
        };
        let candidate = RTCIceCandidate::from(&candidate.new_candidate_host()?).to_json()?;
        connection.add_local_candidate(candidate)?;
        let answer = connection.create_answer(None)?;
        connection.set_local_description(Instant::now(), answer)?;
        let answer = connection.local_description().ok_or("no answer")?.sdp;
        self.names.insert(name, at);
        self.peers.push(Peer { connection, senders });
        Ok(answer)
    }
}

fn track(kind: RtpCodecKind, ssrc: u32) -> MediaStreamTrack {
    let (mime_type, clock_rate, channels) = match kind {
        RtpCodecKind::Video => (MIME_TYPE_VP8, 90_000, 0),
        _ => (MIME_TYPE_OPUS, 48_000, 2),
    };
    let codec =
        RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..RTCRtpCodec::default() };
    let parameters = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            ..RTCRtpCodingParameters::default()
        },
        codec,
        ..RTCRtpEncodingParameters::default()
    };
    let name = format!("track-{ssrc}");
    MediaStreamTrack::new("stream".to_owned(), name.clone(), name, kind, vec![parameters])
}

/// Our name in a check: USERNAME up to the colon.
fn named(bytes: &[u8]) -> Option<&str> {
    let mut rest = bytes.get(20..)?;
    loop {
        let head: &[u8; 4] = rest.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if head[..2] == [0, 6] {
            let name = std::str::from_utf8(rest.get(4..4 + length)?).ok()?;
            return Some(name.split_once(':')?.0);
        }
        rest = rest.get(4 + length.div_ceil(4) * 4..)?;
    }
}
