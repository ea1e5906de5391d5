//! Real media: what ffmpeg encodes and packs into RTP, and what it says of a file.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{ClockReading, Packet};
use serde_json::Value;

/// What one datagram of a publisher holds.
#[derive(Debug, Clone)]
pub(crate) enum Datagram {
    Rtp(Rtp),
    Report(ClockReading),
}

/// A packet as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rtp {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Vec<u8>,
}

impl Rtp {
    pub(crate) fn packet(&self, index: u64, arrived: std::time::Instant) -> Packet {
        Packet {
            index,
            timestamp: self.timestamp,
            marker: self.marker,
            keyframe: false,
            arrived,
            extensions: Vec::new(),
            payload: self.payload.clone().into(),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn parse(bytes: &[u8]) -> Option<Datagram> {
    if (192..=223).contains(&bytes[1]) {
        let ntp = u64::from(u32_at(bytes, 8)) << 32 | u64::from(u32_at(bytes, 12));
        let report = ClockReading { ntp, timestamp: u32_at(bytes, 16) };
        return (bytes[1] == 200).then_some(Datagram::Report(report));
    }
    let mut start = 12 + 4 * usize::from(bytes[0] & 15);
    if bytes[0] & 0x10 != 0 {
        start += 4 + 4 * usize::from(u16::from_be_bytes([bytes[start + 2], bytes[start + 3]]));
    }
    Some(Datagram::Rtp(Rtp {
        sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
        timestamp: u32_at(bytes, 4),
        marker: bytes[1] & 0x80 != 0,
        payload: bytes[start..].to_vec(),
    }))
}

/// Everything that ffmpeg sends for a source (`-f lavfi -i <source>`) with an encoder's arguments, in order.
pub(crate) fn rtp(source: &str, encoder: &[&str]) -> Vec<Datagram> {
    let directory = veza_testing::TestDirectory::new();
    let path = directory.path().join("rtp");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", source]).args(encoder);
    ffmpeg.args(["-strict", "experimental", "-f", "rtp", "-packetsize", "1200", "-type", "datagram"]);
    ffmpeg.arg(format!("unix:{}", path.display())).stdout(Stdio::null());
    let mut ffmpeg = ffmpeg.spawn().unwrap();
    let (mut sent, mut buffer, mut gone) = (Vec::new(), vec![0; 65_536], None);
    loop {
        match socket.recv(&mut buffer) {
            Ok(len) => sent.extend(parse(&buffer[..len])),
            Err(_nothing) if gone.is_some() => break,
            Err(_nothing) => gone = ffmpeg.try_wait().unwrap(),
        }
    }
    assert!(gone.unwrap().success(), "ffmpeg failed");
    sent
}

/// The packets among them.
pub(crate) fn packets(sent: &[Datagram]) -> Vec<Rtp> {
    let packet = |datagram: &Datagram| match datagram {
        Datagram::Rtp(packet) => Some(packet.clone()),
        Datagram::Report(_) => None,
    };
    sent.iter().filter_map(packet).collect()
}

/// What ffmpeg writes for a source, as a raw stream of the format that is named.
pub(crate) fn stream(source: &str, encoder: &[&str], format: &str) -> Vec<u8> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", source]).args(encoder);
    let output = ffmpeg.args(["-f", format, "-"]).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// A packet of a file: its stream, when it is shown and for how long in seconds, whether it is a key frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Probed {
    pub(crate) stream: u64,
    pub(crate) shown: f64,
    pub(crate) duration: f64,
    pub(crate) key: bool,
}

/// A file as ffprobe sees it.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) streams: Vec<Value>,
    pub(crate) packets: Vec<Probed>,
    /// How long the file says that it is, in seconds.
    pub(crate) duration: f64,
}

impl Probe {
    pub(crate) fn of(&self, stream: u64) -> Vec<Probed> {
        self.packets.iter().filter(|packet| packet.stream == stream).cloned().collect()
    }
}

fn number(value: &Value) -> f64 {
    value.as_str().map_or(0.0, |text| text.parse().unwrap())
}

pub(crate) fn probe(path: &Path) -> Probe {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-show_format", "-show_streams", "-show_packets", "-of", "json"]).arg(path);
    let output = ffprobe.output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packet = |packet: &Value| Probed {
        stream: packet["stream_index"].as_u64().unwrap(),
        shown: number(&packet["pts_time"]),
        duration: number(&packet["duration_time"]),
        key: packet["flags"].as_str().unwrap().starts_with('K'),
    };
    Probe {
        streams: all["streams"].as_array().unwrap().clone(),
        packets: all["packets"].as_array().unwrap().iter().map(packet).collect(),
        duration: number(&all["format"]["duration"]),
    }
}

/// Decodes a whole file; answers how many pictures, or frames of sound, of one of its streams came out.
pub(crate) fn decode(path: &Path, stream: usize) -> usize {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(path).args(["-map", &format!("0:{stream}")]);
    let output = ffmpeg.args(["-fps_mode", "passthrough", "-f", "framehash", "-"]).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
    String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.starts_with('#')).count()
}
