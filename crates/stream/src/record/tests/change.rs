//! A publisher that changes the size of its pictures.

use super::media::{decode, packets, probe, rtp};
use super::*;

/// Two seconds in one size, two in another, and two in the first again.
fn resized(encoder: &[&str]) -> Vec<Rtp> {
    let mut all: Vec<Rtp> = Vec::new();
    for size in ["320x240", "640x360", "320x240"] {
        let source = format!("testsrc2=size={size}:rate=30:duration=2");
        let part = packets(&rtp(&source, &[&KEYS[..], encoder].concat()));
        let shift = all.last().map_or(0, |last| last.timestamp.wrapping_add(3_000));
        let first = part[0].timestamp;
        all.extend(part.into_iter().map(|mut packet| {
            packet.timestamp = packet.timestamp.wrapping_sub(first).wrapping_add(shift);
            packet
        }));
    }
    all
}

fn check(codec: Codec, sound: Option<Codec>, encoder: &[&str], headers: usize) {
    let begun = begin();
    let mut tracks = vec![track("0", codec)];
    let mut sent = vec![of_packets(0, 90_000, begun, &resized(encoder))];
    if let Some(sound) = sound {
        tracks.push(track("1", sound));
        let law = packets(&rtp(TONE, &["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"]));
        sent.push(of_packets(1, 8_000, begun, &law));
    }
    let recorded = Recorded::of(&tracks, begun, together(sent));
    assert_eq!(recorded.headers.len(), headers, "{codec:?}");
    let path = recorded.file();
    let probed = probe(&path);
    assert_eq!(probed.of(0).len(), 180, "{codec:?}");
    assert!((probed.duration - 6.0).abs() < 0.002, "{codec:?} {}", probed.duration);
    assert_eq!(decode(&path, 0), 180, "{codec:?}");
}

#[test]
fn h264_in_mp4_has_a_header_for_both() {
    check(Codec::H264, None, &["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"], 2);
}

#[test]
fn h264_in_matroska_says_it_in_band() {
    let fast = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"];
    check(Codec::H264, Some(Codec::Pcmu), &fast, 1);
}

#[test]
fn vp8_and_vp9() {
    check(Codec::Vp8, None, &["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0"], 1);
    let fast = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"];
    check(Codec::Vp9, None, &fast, 2);
}
