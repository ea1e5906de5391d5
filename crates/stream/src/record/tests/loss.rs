//! Packets that are late, doubled, or lost.

use super::media::{decode, packets, probe, rtp};
use super::*;

const FAST: [&str; 6] = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"];

fn h264() -> Vec<Rtp> {
    packets(&rtp(PICTURES, &[&KEYS[..], &FAST].concat()))
}

/// Moves each packet by up to eight places, and doubles every fifth.
fn disturbed(sent: &[Tapped]) -> Vec<Tapped> {
    let mut placed: Vec<(usize, Tapped)> = Vec::new();
    for (at, tapped) in sent.iter().enumerate() {
        placed.push((at + at * 7_919 % 8, tapped.clone()));
        if at % 5 == 0 {
            placed.push((at + 6, tapped.clone()));
        }
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, tapped)| tapped).collect()
}

#[test]
fn late_and_doubled_packets_change_nothing() {
    let begun = begin();
    let sent = of_packets(0, 90_000, begun, &h264());
    let tracks = [track("0", Codec::H264)];
    let clean = probe(&Recorded::of(&tracks, begun, sent.clone()).file());
    let disturbed = Recorded::of(&tracks, begun, disturbed(&sent));
    assert_eq!(probe(&disturbed.file()).packets, clean.packets);
    assert_eq!(decode(&disturbed.file(), 0), 150);
}

#[test]
fn a_lost_packet_leaves_out_what_cannot_be_decoded() {
    let begun = begin();
    let packets = h264();
    let first = packets[0].timestamp;
    let sent = of_packets(0, 90_000, begun, &packets);
    // Each packet of one picture once, and each of two key frames.
    for picture in [45_u32, 60, 90] {
        let timestamp = first.wrapping_add(picture * 3_000);
        let of_picture = (0..packets.len()).filter(|at| packets[*at].timestamp == timestamp);
        for lost in of_picture {
            let mut sent = sent.clone();
            sent.remove(lost);
            let recorded = Recorded::of(&[track("0", Codec::H264)], begun, sent);
            let path = recorded.file();
            let probed = probe(&path);
            let shown = probed.packets.len();
            // What a key frame repeats of the one before is not missed.
            let repeats = picture != 45 && packets[lost].payload[0] & 0x1f == 24;
            let expected = if repeats {
                150
            } else if picture == 45 {
                135
            } else {
                120
            };
            assert_eq!(shown, expected, "packet {lost} of picture {picture}");
            assert_eq!(decode(&path, 0), shown, "it decodes without complaint");
            assert!((probed.duration - 5.0).abs() < 0.001, "time goes on: {}", probed.duration);
        }
    }
}

#[test]
fn a_key_frame_is_asked_for_until_it_comes() {
    let begun = begin();
    let packets = packets(&rtp(PICTURES, &[&FAST[..], &["-g", "300", "-pix_fmt", "yuv420p"]].concat()));
    let mut sent = of_packets(0, 90_000, begun, &packets);
    sent.remove(sent.len() / 3);
    let recorded = Recorded::of(&[track("0", Codec::H264)], begun, sent);
    // At the beginning, and then each second from when it is known that the packet is lost.
    assert!((3..=4).contains(&recorded.asked), "{}", recorded.asked);
    let end = recorded.fragments.iter().map(|fragment| fragment.end_ms).max().unwrap();
    assert!((1_000..2_500).contains(&end), "{end}");
}

#[test]
fn sound_goes_on_over_a_gap() {
    let begun = begin();
    let opus = packets(&rtp(TONE, &["-c:a", "libopus", "-ac", "2"]));
    let mut sent = of_packets(0, 48_000, begun, &opus);
    sent.drain(50..150);
    let recorded = Recorded::of(&[track("0", Codec::Opus)], begun, sent);
    let probed = probe(&recorded.file());
    assert_eq!(probed.packets.len(), opus.len() - 100);
    assert!((probed.packets[50].shown - 3.0).abs() < 0.000_1, "{}", probed.packets[50].shown);
    assert!((probed.duration - 5.0).abs() < 0.021);
    let gap = recorded.fragments.windows(2).any(|two| two[1].begin_ms - two[0].end_ms == 2_000);
    assert!(gap, "no fragment pretends to have it");
}

#[test]
fn silence_is_cut_before_it_is_known_to_end() {
    let begun = begin();
    let opus = packets(&rtp(TONE, &["-c:a", "libopus", "-ac", "2"]));
    let mut capture = Capture::new(&[track("0", Codec::Opus)], begun);
    for tapped in of_packets(0, 48_000, begun, &opus[..10]) {
        capture.push(tapped).unwrap();
    }
    assert!(capture.take().is_empty());
    for step in 1..=15 {
        capture.tick(begun + Duration::from_millis(step * 100)).unwrap();
    }
    let pieces = capture.take();
    let ends = pieces.iter().filter_map(|piece| match piece {
        Piece::Fragment(fragment) => Some(fragment.end_ms),
        Piece::Header(_) => None,
    });
    assert_eq!(ends.max(), Some(200), "{pieces:?}");
}
