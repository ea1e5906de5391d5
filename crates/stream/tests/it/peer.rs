//! A peer: str0m with a socket of its own, driven by the test.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use str0m::crypto::Fingerprint as PeerFingerprint;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcConfig};
use veza_stream::plane::Plane;
use veza_stream::{Agreed, Codec, Credentials, Extension, ExtensionMap, Feedback, Fingerprint, Track};

pub(crate) const AUDIO: u8 = 111;
pub(crate) const VIDEO: u8 = 96;
const VIDEO_RTX: u8 = 97;

/// A peer of the plane.
pub(crate) struct Peer {
    pub(crate) rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    pub(crate) connected: bool,
    pub(crate) packets: Vec<RtpPacket>,
    pub(crate) keyframe_requests: usize,
    /// Datagrams that come and those that go, which of them are lost.
    pub(crate) loses: fn(usize) -> bool,
    received: usize,
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
        let now = Instant::now();
        let mut rtc = RtcConfig::new().set_rtp_mode(true).build(now);
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
        declare(&mut api, sources, sends);
        api.start_dtls(true).unwrap();
        api.enable_twcc_feedback();
        let agreed = Agreed {
            local,
            remote: Credentials { ufrag: own.ufrag, pwd: own.pass },
            fingerprints: vec![Fingerprint(fingerprint)],
            tracks: tracks(sources),
        };
        let peer = Self {
            rtc,
            socket,
            address,
            connected: false,
            packets: Vec::new(),
            keyframe_requests: 0,
            loses: |_| false,
            received: 0,
        };
        (peer, agreed)
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

    /// Does what there is to do, without waiting.
    pub(crate) fn turn(&mut self) {
        self.drain();
        let mut buffer = [0; 2_048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    let is_media = (128..192).contains(&buffer[0]) && !(192..224).contains(&buffer[1]);
                    self.received += usize::from(is_media);
                    if is_media && (self.loses)(self.received) {
                        continue;
                    }
                    let contents = buffer[..length].try_into().unwrap();
                    let receive =
                        Receive { proto: Protocol::Udp, source, destination: self.address, contents };
                    self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
                    self.drain();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => {
                    self.socket.send_to(&transmit.contents, transmit.destination).unwrap();
                }
                Output::Event(Event::Connected) => self.connected = true,
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

fn declare(api: &mut str0m::change::DirectApi<'_>, sources: Sources, sends: bool) {
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
