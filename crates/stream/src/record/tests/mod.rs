//! Recordings of real media, with a clock that the tests move.

mod change;
mod codecs;
mod fuzz;
mod loss;
#[path = "../../../tests/media/mod.rs"]
mod media;
mod obu;
mod sync;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use veza_testing::TestDirectory;

use self::media::{Datagram, Rtp};
use super::capture::Capture;
use super::container::Container;
use super::joined::{Frame, Part};
use super::piece::{Fragment, Piece};
use super::tapped::Tapped;
use crate::codec::Codec;
use crate::extension::ExtensionMap;
use crate::track::{Feedback, Track};

/// Two pictures of 320 by 240 points, thirty in a second.
pub(super) const PICTURES: &str = "testsrc2=size=320x240:rate=30:duration=5";
pub(super) const TONE: &str = "sine=frequency=440:sample_rate=48000:duration=5";
/// A key frame each second.
pub(super) const KEYS: [&str; 4] = ["-g", "30", "-pix_fmt", "yuv420p"];

pub(super) fn track(mid: &str, codec: Codec) -> Track {
    Track {
        mid: mid.to_owned(),
        codec,
        format: None,
        payload_type: 96,
        rtx_payload_type: None,
        ssrc: None,
        rtx_ssrc: None,
        extensions: ExtensionMap::default(),
        feedback: Feedback::default(),
    }
}

#[allow(clippy::disallowed_methods, reason = "any moment will do")]
pub(super) fn begin() -> Instant {
    Instant::now()
}

/// When a packet would come that is sent when it is made.
pub(super) fn arrival(begun: Instant, first: u32, timestamp: u32, rate: u32) -> Instant {
    let ticks = timestamp.wrapping_sub(first);
    begun + Duration::from_secs_f64(f64::from(ticks) / f64::from(rate))
}

/// What was recorded.
pub(super) struct Recorded {
    pub(super) container: Container,
    pub(super) headers: Vec<Vec<u8>>,
    pub(super) fragments: Vec<Fragment>,
    /// How often a key frame was asked for.
    pub(super) asked: usize,
    directory: TestDirectory,
}

impl Recorded {
    /// Records packets of some tracks, in the order of their arrival.
    pub(super) fn of(tracks: &[Track], begun: Instant, sent: Vec<Tapped>) -> Self {
        let mut capture = Capture::new(tracks, begun);
        let (mut headers, mut fragments, mut asked) = (Vec::new(), Vec::new(), 0);
        let mut sort = |pieces: Vec<Piece>| {
            for piece in pieces {
                match piece {
                    Piece::Header(header) => headers.push(header),
                    Piece::Fragment(fragment) => fragments.push(fragment),
                }
            }
        };
        let mut ticked = begun;
        for tapped in sent {
            let now = match &tapped {
                Tapped::Packet { packet, .. } => packet.arrived,
                Tapped::Clock { arrived, .. } => *arrived,
                Tapped::Ended => ticked,
            };
            while ticked + Duration::from_millis(100) < now {
                ticked += Duration::from_millis(100);
                capture.tick(ticked).unwrap();
            }
            capture.push(tapped).unwrap();
            asked += capture.asks().len();
            sort(capture.take());
        }
        capture.finish().unwrap();
        sort(capture.take());
        let directory = TestDirectory::new();
        Self { container: Container::of(tracks), headers, fragments, asked, directory }
    }

    /// All of it, as one file.
    pub(super) fn file(&self) -> PathBuf {
        let part = |fragment: &Fragment| Part {
            bytes: u64::try_from(fragment.bytes.len()).unwrap(),
            begin_ms: fragment.begin_ms,
            duration_ms: fragment.end_ms - fragment.begin_ms,
            keyframe: fragment.keyframe,
        };
        let parts: Vec<Part> = self.fragments.iter().map(part).collect();
        let Frame { before, behind } =
            Frame::of(self.container, self.headers.last().unwrap(), &parts).unwrap();
        let path = self.directory.path().join(format!("whole.{}", self.container.extension()));
        let inner = self.fragments.iter().flat_map(|fragment| &fragment.bytes).copied();
        std::fs::write(&path, before.into_iter().chain(inner).chain(behind).collect::<Vec<u8>>()).unwrap();
        path
    }
}

/// What was sent of one track, packets and reports, each when it would come.
pub(super) fn tapped(track: usize, rate: u32, begun: Instant, sent: &[Datagram]) -> Vec<Tapped> {
    let packets = media::packets(sent);
    let (first, mut index) = (packets[0].timestamp, 0);
    let mut last = begun;
    let tap = |datagram: &Datagram| match datagram {
        Datagram::Rtp(rtp) => {
            index += 1;
            last = arrival(begun, first, rtp.timestamp, rate);
            Tapped::Packet { track, packet: Arc::new(rtp.packet(index, last)) }
        }
        Datagram::Report(reading) => Tapped::Clock { track, reading: *reading, arrived: last },
    };
    sent.iter().map(tap).collect()
}

/// Packets of one track.
pub(super) fn of_packets(track: usize, rate: u32, begun: Instant, sent: &[Rtp]) -> Vec<Tapped> {
    let sent: Vec<Datagram> = sent.iter().cloned().map(Datagram::Rtp).collect();
    tapped(track, rate, begun, &sent)
}

/// Several tracks, in the order of arrival.
pub(super) fn together(mut tracks: Vec<Vec<Tapped>>) -> Vec<Tapped> {
    let mut all: Vec<Tapped> = tracks.drain(..).flatten().collect();
    all.sort_by_key(|tapped| match tapped {
        Tapped::Packet { packet, .. } => Some(packet.arrived),
        Tapped::Clock { arrived, .. } => Some(*arrived),
        Tapped::Ended => None,
    });
    all
}
