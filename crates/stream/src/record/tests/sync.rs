//! Sound and pictures at the same time.

use super::media::{packets, probe, rtp};
use super::*;
use crate::packet::ClockReading;

const FAST: [&str; 6] = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"];

fn report(milliseconds: u64, timestamp: u32, track: usize, arrived: Instant) -> Tapped {
    let ntp = (3_900_000_000 << 32) + (milliseconds << 32) / 1_000;
    Tapped::Clock { track, reading: ClockReading { ntp, timestamp }, arrived }
}

/// Sound and pictures of the same moments, of which the pictures come 120 ms later, as encoders and queues have it.
#[test]
fn reports_correct_what_arrival_says() {
    for with_reports in [false, true] {
        let begun = begin();
        let (late, wait) = (begun + Duration::from_millis(120), Duration::from_millis(300));
        let opus = packets(&rtp(TONE, &["-c:a", "libopus", "-ac", "2"]));
        let video = packets(&rtp(PICTURES, &[&KEYS[..], &FAST].concat()));
        let mut sent = vec![of_packets(0, 48_000, begun, &opus), of_packets(1, 90_000, late, &video)];
        if with_reports {
            sent.push(vec![
                report(0, opus[0].timestamp, 0, begun + wait),
                report(0, video[0].timestamp, 1, late + wait),
            ]);
        }
        let tracks = [track("0", Codec::Opus), track("1", Codec::H264)];
        let probed = probe(&Recorded::of(&tracks, begun, together(sent)).file());
        let (sound, pictures) = (probed.of(0), probed.of(1));
        // The same moment of both, two seconds after the beginning.
        let offset = pictures[60].shown - sound[100].shown;
        let expected = if with_reports { 0.0 } else { 0.12 };
        assert!((offset - expected).abs() < 0.001, "{with_reports}: {offset}");
        for of_one in [sound, pictures] {
            assert!(of_one.windows(2).all(|two| two[0].shown < two[1].shown), "time goes forward");
        }
    }
}

#[test]
fn a_clock_of_the_publisher_that_is_off_by_years_is_as_good() {
    let begun = begin();
    let sent = rtp(TONE, &["-c:a", "libopus", "-ac", "2"]);
    let with_reports = tapped(0, 48_000, begun, &sent);
    assert!(with_reports.iter().any(|tapped| matches!(tapped, Tapped::Clock { .. })));
    let alone = of_packets(0, 48_000, begun, &packets(&sent));
    let tracks = [track("0", Codec::Opus)];
    let (with, without) = (Recorded::of(&tracks, begun, with_reports), Recorded::of(&tracks, begun, alone));
    assert_eq!(probe(&with.file()).packets, probe(&without.file()).packets);
}
