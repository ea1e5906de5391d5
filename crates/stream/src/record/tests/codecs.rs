//! Every codec that ffmpeg encodes, each picture and each packet of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::media::{decode, packets, probe, rtp, stream};
use super::*;

/// Records five seconds of pictures, without loss, and looks at each of the 150.
fn pictures(codec: Codec, name: &str, sent: &[Rtp]) {
    let begun = begin();
    let recorded = Recorded::of(&[track("0", codec)], begun, of_packets(0, 90_000, begun, sent));
    let path = recorded.file();
    let probe = probe(&path);
    assert_eq!(recorded.headers.len(), 1);
    assert_eq!(recorded.asked, 1, "a key frame is asked for once");
    assert_eq!(probe.streams.len(), 1);
    let stream = &probe.streams[0];
    assert_eq!(stream["codec_name"], name);
    assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(320), Some(240)));
    assert_eq!(probe.packets.len(), 150);
    for (at, packet) in probe.packets.iter().enumerate() {
        let expected = f64::from(u32::try_from(at).unwrap()) / 30.0;
        assert!((packet.shown - expected).abs() < 0.000_6, "picture {at} is shown at {}", packet.shown);
    }
    assert!((probe.duration - 5.0).abs() < 0.001, "{}", probe.duration);
    assert_eq!(decode(&path, 0), 150);
    assert!(recorded.fragments.iter().all(|fragment| fragment.end_ms - fragment.begin_ms <= 800));
    let keys: Vec<u64> = recorded.fragments.iter().filter(|f| f.keyframe).map(|f| f.begin_ms).collect();
    assert_eq!(keys, [0, 1_000, 2_000, 3_000, 4_000], "fragments begin with key frames");
}

fn encoded(encoder: &[&str]) -> Vec<Rtp> {
    packets(&rtp(PICTURES, &[&KEYS, encoder].concat()))
}

#[test]
fn h264() {
    pictures(Codec::H264, "h264", &encoded(&["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"]));
}

#[test]
fn h264_of_the_high_profile_in_slices() {
    let high = ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-bf", "0", "-slices", "4"];
    pictures(Codec::H264, "h264", &encoded(&high));
}

#[test]
fn h264_whose_parameter_sets_stand_in_the_description_alone() {
    let mut sent = encoded(&["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"]);
    let mut sets = Vec::new();
    // They come together with a message to the decoder, before each key frame.
    sent.retain(|packet| {
        let mut rest = if packet.payload[0] & 0x1f == 24 { &packet.payload[1..] } else { return true };
        while let Some((len, behind)) = rest.split_first_chunk::<2>() {
            let (nal, behind) = behind.split_at(u16::from_be_bytes(*len).into());
            if matches!(nal[0] & 0x1f, 7 | 8) && sets.len() < 2 {
                sets.push(BASE64.encode(nal));
            }
            rest = behind;
        }
        false
    });
    assert_eq!(sets.len(), 2);
    let format = format!("packetization-mode=1; sprop-parameter-sets={}", sets.join(","));
    let described = Track { format: Some(format), ..track("0", Codec::H264) };
    let begun = begin();
    let recorded = Recorded::of(&[described], begun, of_packets(0, 90_000, begun, &sent));
    assert_eq!(decode(&recorded.file(), 0), 150);
}

#[test]
fn h265() {
    let quiet = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params"];
    let parameters = "log-level=none:bframes=0:keyint=30:min-keyint=30:scenecut=0:repeat-headers=1";
    pictures(Codec::H265, "hevc", &encoded(&[&quiet[..], &[parameters]].concat()));
}

#[test]
fn vp8() {
    pictures(Codec::Vp8, "vp8", &encoded(&["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0"]));
}

#[test]
fn vp9() {
    let fast = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"];
    pictures(Codec::Vp9, "vp9", &encoded(&fast));
}

#[test]
fn av1() {
    let fast = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"];
    let obus = stream(PICTURES, &[&KEYS[..], &fast].concat(), "obu");
    pictures(Codec::Av1, "av1", &obu::packed(&obus, 3_000));
}

/// Records five seconds of sound, without loss.
fn sound(codec: Codec, name: &str, encoder: &[&str], expected: usize, rate: u32) {
    let begun = begin();
    let sent = packets(&rtp(TONE, encoder));
    let recorded = Recorded::of(&[track("0", codec)], begun, of_packets(0, rate, begun, &sent));
    let path = recorded.file();
    let probe = probe(&path);
    assert_eq!(probe.streams[0]["codec_name"], name);
    assert_eq!(probe.packets.len(), sent.len());
    assert!((probe.duration - 5.0).abs() < 0.021, "{}", probe.duration);
    for two in probe.packets.windows(2) {
        let step = two[1].shown - two[0].shown;
        // Of fragments ffprobe does not tell how long a packet of sound is.
        assert!(two[0].duration == 0.0 || (step - two[0].duration).abs() < 0.003, "{two:?}");
    }
    assert!(decode(&path, 0) >= expected);
    assert!(recorded.fragments.iter().all(|fragment| fragment.keyframe));
}

#[test]
fn opus() {
    sound(Codec::Opus, "opus", &["-c:a", "libopus", "-ac", "2"], 250, 48_000);
}

#[test]
fn g711_of_both_laws() {
    sound(Codec::Pcmu, "pcm_mulaw", &["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"], 34, 8_000);
    sound(Codec::Pcma, "pcm_alaw", &["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"], 34, 8_000);
}

#[test]
fn g722() {
    sound(Codec::G722, "adpcm_g722", &["-c:a", "g722", "-ar", "16000", "-ac", "1"], 34, 8_000);
}

#[test]
fn pictures_and_sound_in_each_container() {
    let video = encoded(&["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"]);
    let vp8 = encoded(&["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0"]);
    let opus = packets(&rtp(TONE, &["-c:a", "libopus", "-ac", "2"]));
    let law = packets(&rtp(TONE, &["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"]));
    for (container, picture, pictures, codec, sound) in [
        (Container::Mp4, Codec::H264, &video, Codec::Opus, &opus),
        (Container::Webm, Codec::Vp8, &vp8, Codec::Opus, &opus),
        (Container::Matroska, Codec::H264, &video, Codec::Pcmu, &law),
    ] {
        let begun = begin();
        let tracks = [track("0", codec), track("1", picture)];
        let rate = codec.clock_rate();
        let sent = together(vec![of_packets(0, rate, begun, sound), of_packets(1, 90_000, begun, pictures)]);
        let recorded = Recorded::of(&tracks, begun, sent);
        assert_eq!(recorded.container, container);
        let path = recorded.file();
        let probe = probe(&path);
        assert_eq!((probe.of(0).len(), probe.of(1).len()), (sound.len(), 150));
        assert!((probe.duration - 5.0).abs() < 0.021, "{container:?} {}", probe.duration);
        assert_eq!(decode(&path, 1), 150);
        assert!(decode(&path, 0) >= 34);
        let first = (probe.of(0)[0].shown, probe.of(1)[0].shown);
        assert_eq!(first, (0.0, 0.0));
    }
}
