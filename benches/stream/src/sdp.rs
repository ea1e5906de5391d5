//! Descriptions of sessions, as far as this benchmark needs them: Opus and VP8 in one bundle.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::Outcome;

pub const AUDIO: u8 = 111;
pub const VIDEO: u8 = 96;
pub const VIDEO_RTX: u8 = 97;
const MID: (u8, &str) = (4, "urn:ietf:params:rtp-hdrext:sdes:mid");
const TRANSPORT_CC: (u8, &str) =
    (3, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01");

/// What one side says of itself.
#[derive(Debug, Clone)]
pub struct Description {
    pub ufrag: String,
    pub pwd: String,
    pub fingerprint: [u8; 32],
    /// Where it listens, if it says so.
    pub address: Option<SocketAddr>,
    pub media: Vec<Media>,
}

/// A media section.
#[derive(Debug, Clone, Default)]
pub struct Media {
    pub is_video: bool,
    pub mid: String,
    pub payload_type: u8,
    pub rtx_payload_type: Option<u8>,
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    pub transport_cc: Option<u8>,
}

/// How it is written.
#[derive(Clone, Copy)]
pub struct Style {
    /// `sendonly` or `recvonly`.
    pub direction: &'static str,
    /// `active` or `passive`.
    pub setup: &'static str,
    pub lite: bool,
}

impl Media {
    /// The two sections that everybody offers here.
    pub fn usual(sources: Option<[u32; 3]>) -> Vec<Self> {
        let audio = Self {
            mid: "0".to_owned(),
            payload_type: AUDIO,
            ssrc: sources.map(|sources| sources[0]),
            transport_cc: Some(TRANSPORT_CC.0),
            ..Self::default()
        };
        let video = Self {
            is_video: true,
            mid: "1".to_owned(),
            payload_type: VIDEO,
            rtx_payload_type: Some(VIDEO_RTX),
            ssrc: sources.map(|sources| sources[1]),
            rtx_ssrc: sources.map(|sources| sources[2]),
            transport_cc: Some(TRANSPORT_CC.0),
        };
        vec![audio, video]
    }
}

impl Description {
    pub fn write(&self, style: Style) -> String {
        let mids: Vec<_> = self.media.iter().map(|media| media.mid.as_str()).collect();
        let mut text = format!(
            "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
             a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n",
            mids.join(" ")
        );
        if style.lite {
            text += "a=ice-lite\r\n";
        }
        for media in &self.media {
            self.section(&mut text, media, style);
        }
        text
    }

    fn section(&self, text: &mut String, media: &Media, style: Style) {
        let number = media.payload_type;
        let rtx = media.rtx_payload_type;
        let (kind, name) = if media.is_video { ("video", "VP8/90000") } else { ("audio", "opus/48000/2") };
        let port = self.address.map_or(9, |address| address.port());
        let numbers = rtx.map_or(number.to_string(), |rtx| format!("{number} {rtx}"));
        let mut line = |line: String| {
            let _ = write!(text, "{line}\r\n");
        };
        line(format!("m={kind} {port} UDP/TLS/RTP/SAVPF {numbers}"));
        line("c=IN IP4 0.0.0.0".to_owned());
        line(format!("a=mid:{}\r\na=rtcp-mux\r\na=rtcp-rsize\r\na={}", media.mid, style.direction));
        line(format!("a=ice-ufrag:{}\r\na=ice-pwd:{}", self.ufrag, self.pwd));
        line(format!("a=fingerprint:sha-256 {}\r\na=setup:{}", hexadecimal(&self.fingerprint), style.setup));
        line(format!("a=rtpmap:{number} {name}"));
        if media.is_video {
            line(format!(
                "a=rtcp-fb:{number} nack\r\na=rtcp-fb:{number} nack pli\r\na=rtcp-fb:{number} ccm fir"
            ));
        } else {
            line(format!("a=fmtp:{number} minptime=10;useinbandfec=1"));
        }
        if let Some(rtx) = rtx {
            line(format!("a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={number}"));
        }
        line(format!("a=extmap:{} {}", MID.0, MID.1));
        if let Some(id) = media.transport_cc {
            line(format!("a=rtcp-fb:{number} transport-cc\r\na=extmap:{id} {}", TRANSPORT_CC.1));
        }
        if let Some(ssrc) = media.ssrc {
            line(format!("a=msid:stream {kind}"));
            if let Some(rtx) = media.rtx_ssrc {
                line(format!("a=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{rtx} cname:bench"));
            }
            line(format!("a=ssrc:{ssrc} cname:bench"));
        }
        if let Some(address) = self.address {
            let (ip, port) = (address.ip(), address.port());
            line(format!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\na=end-of-candidates"));
        }
    }

    pub fn read(text: &str) -> Outcome<Self> {
        let (mut ufrag, mut pwd, mut fingerprint, mut address) = (None, None, None, None);
        let mut media: Vec<Media> = Vec::new();
        for line in text.lines() {
            if let Some(section) = line.strip_prefix("m=") {
                media.push(Media { is_video: section.starts_with("video"), ..Media::default() });
            } else if let Some(name) = line.strip_prefix("a=ice-ufrag:") {
                ufrag = Some(name.to_owned());
            } else if let Some(word) = line.strip_prefix("a=ice-pwd:") {
                pwd = Some(word.to_owned());
            } else if let Some(hash) = line.strip_prefix("a=fingerprint:sha-256 ") {
                fingerprint = Some(bytes(hash).ok_or("an unreadable fingerprint")?);
            } else if let Some(candidate) = line.strip_prefix("a=candidate:") {
                address = address.or_else(|| udp(candidate));
            } else if let Some(section) = media.last_mut() {
                section.read(line);
            }
        }
        let missing = |what: &str| format!("no {what} in {text}");
        Ok(Self {
            ufrag: ufrag.ok_or_else(|| missing("ice-ufrag"))?,
            pwd: pwd.ok_or_else(|| missing("ice-pwd"))?,
            fingerprint: fingerprint.ok_or_else(|| missing("fingerprint"))?,
            address,
            media,
        })
    }
}

impl Media {
    fn read(&mut self, line: &str) {
        let Some((name, value)) = line.strip_prefix("a=").and_then(|line| line.split_once(':')) else {
            return;
        };
        let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
        let codec = if self.is_video { "VP8/" } else { "opus/" };
        match name {
            "mid" => self.mid = value.to_owned(),
            "rtpmap" if rest.starts_with(codec) && self.payload_type == 0 => {
                self.payload_type = first.parse().unwrap_or_default();
            }
            "fmtp" if rest == format!("apt={}", self.payload_type) => {
                self.rtx_payload_type = first.parse().ok()
            }
            "extmap" if rest.starts_with(TRANSPORT_CC.1) => self.transport_cc = first.parse().ok(),
            "ssrc-group" if first == "FID" => {
                let mut sources = rest.split(' ').map(|source| source.parse().ok());
                self.ssrc = sources.next().flatten();
                self.rtx_ssrc = sources.next().flatten();
            }
            "ssrc" if self.ssrc.is_none() => self.ssrc = first.parse().ok(),
            _ => {}
        }
    }
}

fn udp(candidate: &str) -> Option<SocketAddr> {
    let fields: Vec<_> = candidate.split(' ').collect();
    let ip: std::net::IpAddr = fields.get(4)?.parse().ok()?;
    let takes = fields.get(2)?.eq_ignore_ascii_case("udp") && ip.is_ipv4();
    takes.then_some(SocketAddr::new(ip, fields.get(5)?.parse().ok()?))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn bytes(hash: &str) -> Option<[u8; 32]> {
    let bytes: Result<Vec<u8>, _> = hash.trim().split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
    bytes.ok()?.try_into().ok()
}
