//! A peer: str0m with a socket of its own, driven by the test.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use str0m::change::{DirectApi, SdpAnswer, SdpPendingOffer};
use str0m::crypto::Fingerprint as PeerFingerprint;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcConfig};
use veza_stream::plane::Plane;
use veza_stream::{Agreed, Codec, Credentials, Extension, ExtensionMap, Feedback, Fingerprint, Kind, Track};

use crate::road::Road;

pub(crate) const AUDIO: u8 = 111;
pub(crate) const VIDEO: u8 = 96;
const VIDEO_RTX: u8 = 97;

/// A peer of the plane.
pub(crate) struct Peer {
    pub(crate) rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    pub(crate) connected: bool,
    /// The plane said goodbye.
    pub(crate) closed: bool,
    pub(crate) packets: Vec<RtpPacket>,
    pub(crate) keyframe_requests: usize,
    /// Which packets of media that come are lost, and which that go.
    pub(crate) loses: fn(usize) -> bool,
    pub(crate) loses_sent: fn(usize) -> bool,
    received: usize,
    sent: usize,
    /// Bytes of all datagrams that came and went.
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    server: SocketAddr,
    /// A bad road there, and one back.
    pub(crate) roads: Option<[Road; 2]>,
    /// Over a connection instead.
    pub(crate) connection: Option<Connection>,
}

/// Packets over TCP, each behind its length.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    fn server(&self) -> SocketAddr {
        self.stream.peer_addr().unwrap()
    }

    pub(crate) fn send(&mut self, packet: &[u8]) {
        let mut framed = u16::try_from(packet.len()).unwrap().to_be_bytes().to_vec();
        framed.extend(packet);
        self.stream.write_all(&framed).unwrap();
    }

    fn receive(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => self.unread.extend(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let mut packets = Vec::new();
        while let Some(&[high, low]) = self.unread.first_chunk::<2>() {
            let end = 2 + usize::from(u16::from_be_bytes([high, low]));
            let Some(packet) = self.unread.get(2..end) else { break };
            packets.push(packet.to_vec());
            self.unread.drain(..end);
        }
        packets
    }
}

/// What is agreed with it, and its sources.
#[derive(Clone, Copy)]
pub(crate) struct Sources {
    pub(crate) audio: u32,
    pub(crate) video: u32,
    pub(crate) video_rtx: u32,
}

impl Peer {
    /// Makes one that knows the plane, and what the plane has to know of it.
    pub(crate) fn new(plane: &Plane, sources: Sources, sends: bool) -> (Self, Agreed) {
        let rtc = RtcConfig::new().set_rtp_mode(true).build(Instant::now());
        Self::meet(plane, rtc, tracks(sources), |api| declare(api, sources, sends))
    }

    /// One with a single track of its own choice, in the media section `m`.
    pub(crate) fn of_one(plane: &Plane, rtc: Rtc, track: Track, sends: bool) -> (Self, Agreed) {
        let ssrc = Ssrc::from(track.ssrc.unwrap());
        let is_audio = track.codec.kind() == Kind::Audio;
        Self::meet(plane, rtc, vec![track], |api| {
            let mid = Mid::from("m");
            api.declare_media(mid, if is_audio { MediaKind::Audio } else { MediaKind::Video });
            if sends {
                api.declare_stream_tx(ssrc, None, mid, None);
            } else {
                api.expect_stream_rx(ssrc, None, mid, None);
            }
        })
    }

    fn meet(
        plane: &Plane,
        mut rtc: Rtc,
        tracks: Vec<Track>,
        declare: impl FnOnce(&mut DirectApi<'_>),
    ) -> (Self, Agreed) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap()).unwrap();
        let server = plane.candidates().iter().find(|it| it.address.is_ipv4()).unwrap().address;
        rtc.add_remote_candidate(Candidate::host(server, "udp").unwrap());
        let local = plane.credentials();
        let mut api = rtc.direct_api();
        api.set_ice_controlling(true);
        let own = api.local_ice_credentials();
        api.set_remote_ice_credentials(IceCreds { ufrag: local.ufrag.clone(), pass: local.pwd.clone() });
        let bytes = plane.fingerprint().0.to_vec();
        api.set_remote_fingerprint(PeerFingerprint { hash_func: "sha-256".to_owned(), bytes });
        let fingerprint = api.local_dtls_fingerprint().bytes.as_slice().try_into().unwrap();
        declare(&mut api);
        api.start_dtls(true).unwrap();
        api.enable_twcc_feedback();
        let agreed = Agreed {
            local,
            remote: Credentials { ufrag: own.ufrag, pwd: own.pass },
            fingerprints: vec![Fingerprint(fingerprint)],
            tracks,
        };
        let peer = Self::of(rtc, socket, server);
        (peer, agreed)
    }

    /// One that offers sound and pictures itself, as browsers do, and its offer.
    pub(crate) fn offering(direction: Direction) -> (Self, SdpPendingOffer, String) {
        let mut rtc = RtcConfig::new().set_rtp_mode(true).build(Instant::now());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap()).unwrap();
        let mut api = rtc.sdp_api();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            api.add_media(kind, direction, None, None, None);
        }
        let (offer, pending) = api.apply().unwrap();
        (Self::of(rtc, socket, address), pending, offer.to_sdp_string())
    }

    /// Takes the answer to its offer.
    pub(crate) fn answered(&mut self, pending: SdpPendingOffer, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    /// Sends a packet of the media section `mid`.
    pub(crate) fn say(&mut self, mid: &str, payload_type: u8, index: u64, payload: &[u8]) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(Mid::from(mid), None).unwrap();
        let pt = Pt::new_with_value(payload_type);
        let time = u32::try_from(index * 960).unwrap();
        let write = RtpWrite::new(pt, index.into(), time, Instant::now(), payload);
        stream.write_rtp(write.marker(true));
        self.turn();
    }

    fn of(rtc: Rtc, socket: UdpSocket, server: SocketAddr) -> Self {
        Self {
            rtc,
            address: socket.local_addr().unwrap(),
            socket,
            connected: false,
            closed: false,
            packets: Vec::new(),
            keyframe_requests: 0,
            loses: |_| false,
            loses_sent: |_| false,
            received: 0,
            sent: 0,
            bytes_in: 0,
            bytes_out: 0,
            roads: None,
            connection: None,
            server,
        }
    }

    /// Sends a packet.
    pub(crate) fn send(
        &mut self,
        ssrc: u32,
        payload_type: u8,
        index: u64,
        time: u32,
        marker: bool,
        payload: &[u8],
    ) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx(&Ssrc::from(ssrc)).unwrap();
        let write =
            RtpWrite::new(Pt::new_with_value(payload_type), index.into(), time, Instant::now(), payload);
        stream.write_rtp(write.marker(marker).nackable(payload_type == VIDEO));
        self.turn();
    }

    /// Counts what has come, and answers nothing.
    pub(crate) fn listen(&mut self) {
        let mut buffer = [0; 2_048];
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            self.bytes_in += u64::try_from(length).unwrap();
        }
    }

    /// Does what there is to do, without waiting.
    pub(crate) fn turn(&mut self) {
        self.drain();
        let mut buffer = [0; 2_048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    self.bytes_in += u64::try_from(length).unwrap();
                    match &mut self.roads {
                        Some([_, back]) => back.send(&buffer[..length]),
                        None => self.take(&buffer[..length], source),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        if let Some([there, back]) = &mut self.roads {
            let (sent, came) = (there.arrived(), back.arrived());
            for datagram in sent {
                self.socket.send_to(&datagram, self.server).unwrap();
            }
            for datagram in came {
                self.take(&datagram, self.server);
            }
        }
        let packets = self.connection.as_mut().map(Connection::receive).unwrap_or_default();
        for packet in packets {
            let server = self.connection.as_ref().unwrap().server();
            self.take(&packet, server);
        }
        self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
        self.drain();
    }

    fn take(&mut self, datagram: &[u8], source: SocketAddr) {
        self.received += usize::from(is_media(datagram));
        if is_media(datagram) && (self.loses)(self.received) {
            return;
        }
        let contents = datagram.try_into().unwrap();
        let receive = Receive { proto: Protocol::Udp, source, destination: self.address, contents };
        self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
        self.drain();
    }

    fn transmit(&mut self, datagram: &[u8], destination: SocketAddr) {
        self.sent += usize::from(is_media(datagram));
        if is_media(datagram) && (self.loses_sent)(self.sent) {
            return;
        }
        if let Some(connection) = &mut self.connection {
            return connection.send(datagram);
        }
        if let Some([there, _]) = &mut self.roads {
            return there.send(datagram);
        }
        self.bytes_out += u64::try_from(datagram.len()).unwrap();
        self.socket.send_to(datagram, destination).unwrap();
    }

    /// Gets another address without knowing it, as from a router that has forgotten it.
    pub(crate) fn moves(&mut self) {
        self.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.socket.set_nonblocking(true).unwrap();
    }

    /// Sends a datagram that it did not make.
    pub(crate) fn inject(&mut self, datagram: &[u8], server: SocketAddr) {
        self.socket.send_to(datagram, server).unwrap();
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => self.transmit(&transmit.contents, transmit.destination),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::Closed) => self.closed = true,
                Output::Event(Event::RtpPacket(packet)) => self.packets.push(packet),
                Output::Event(Event::KeyframeRequest(_)) => self.keyframe_requests += 1,
                Output::Event(_) => {}
            }
        }
    }

    /// Payloads that came of a source.
    pub(crate) fn payloads(&self, ssrc: u32) -> Vec<Vec<u8>> {
        let mut packets: Vec<_> = self.packets.iter().filter(|it| *it.header.ssrc == ssrc).collect();
        packets.sort_by_key(|packet| packet.seq_no);
        packets.into_iter().map(|packet| packet.payload.to_vec()).collect()
    }
}

fn is_media(datagram: &[u8]) -> bool {
    (128..192).contains(&datagram[0]) && !(192..224).contains(&datagram[1])
}

fn declare(api: &mut DirectApi<'_>, sources: Sources, sends: bool) {
    let (audio, video) = (Mid::from("a"), Mid::from("v"));
    api.declare_media(audio, MediaKind::Audio);
    api.declare_media(video, MediaKind::Video);
    let rtx = Some(Ssrc::from(sources.video_rtx));
    if sends {
        api.declare_stream_tx(sources.audio.into(), None, audio, None);
        api.declare_stream_tx(sources.video.into(), rtx, video, None);
    } else {
        api.expect_stream_rx(sources.audio.into(), None, audio, None);
        api.expect_stream_rx(sources.video.into(), rtx, video, None);
    }
}

/// Opus and VP8, with the numbers that str0m gives them.
fn tracks(sources: Sources) -> Vec<Track> {
    let mut extensions = ExtensionMap::default();
    extensions.insert(3, Extension::TransportCc);
    extensions.insert(4, Extension::Mid);
    let feedback = Feedback { nack: true, pli: true, fir: true, transport_cc: true };
    let track = |mid: &str, codec, payload_type, ssrc| Track {
        mid: mid.to_owned(),
        codec,
        format: None,
        payload_type,
        rtx_payload_type: None,
        ssrc: Some(ssrc),
        rtx_ssrc: None,
        extensions: extensions.clone(),
        feedback,
    };
    let video = Track {
        rtx_payload_type: Some(VIDEO_RTX),
        rtx_ssrc: Some(sources.video_rtx),
        ..track("v", Codec::Vp8, VIDEO, sources.video)
    };
    vec![track("a", Codec::Opus, AUDIO, sources.audio), video]
}

/// Lets all do their work until `done`, or fails.
pub(crate) fn until(what: &str, peers: &mut [&mut Peer], mut done: impl FnMut(&[&mut Peer]) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done(peers) {
        assert!(Instant::now() < end, "{what} did not happen");
        for peer in peers.iter_mut() {
            peer.turn();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
