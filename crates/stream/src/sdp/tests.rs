use std::io::Cursor;

use proptest::prelude::*;
use rtc_sdp::description::session::SessionDescription;
use veza_core::SeededRandom;

use super::samples::{
    answer_to, chromium_publishes, chromium_watches, firefox_publishes, gstreamer_publishes, obs_publishes,
    publishers,
};
use super::*;
use crate::{Codec, Credentials, Extension, Fingerprint, Track};

fn local() -> Local {
    Local {
        credentials: Credentials {
            ufrag: "ours".to_owned(),
            pwd: "2e13dde17c1cb009202f627fab90cbec".to_owned(),
        },
        fingerprint: Fingerprint([0xf7; 32]),
        candidates: vec!["1 1 udp 2130706431 198.51.100.1 7882 typ host".to_owned()],
        session: 7,
    }
}

fn published(text: &str) -> Publishing {
    Offer::read(text).unwrap().publish(&Codec::ALL).unwrap()
}

fn live(text: &str) -> Vec<Track> {
    published(text).tracks
}

fn watched(offer: &str, live: &[Track]) -> Result<Watching, Refusal> {
    Offer::read(offer)?.watch(live, &SeededRandom::new(1))
}

/// Another implementation reads what we write, and finds its sections.
fn read_by_another(text: &str) -> Vec<(String, String)> {
    let read = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes())).unwrap();
    let formats = |media: &rtc_sdp::description::media::MediaDescription| media.media_name.formats.join(" ");
    read.media_descriptions.iter().map(|media| (media.media_name.media.clone(), formats(media))).collect()
}

fn count(text: &str, line: &str) -> usize {
    text.lines().filter(|other| *other == line).count()
}

#[test]
fn chromium_publishes_its_first_codecs() {
    let publishing = published(&chromium_publishes());
    let [audio, video] = publishing.tracks.as_slice() else { panic!("two tracks") };
    assert_eq!((audio.codec, audio.payload_type, audio.ssrc), (Codec::Opus, 111, Some(3_570_614_608)));
    assert_eq!(audio.format.as_deref(), Some("minptime=10;useinbandfec=1"));
    assert_eq!(
        (audio.rtx_payload_type, audio.feedback.nack, audio.feedback.transport_cc),
        (None, false, true)
    );
    assert_eq!(audio.extensions.id(Extension::AudioLevel), Some(1));
    assert_eq!(audio.extensions.id(Extension::AbsSendTime), None, "nobody reads it");
    assert_eq!((video.codec, video.payload_type, video.rtx_payload_type), (Codec::Vp8, 96, Some(97)));
    assert_eq!((video.ssrc, video.rtx_ssrc), (None, None));
    assert!(video.feedback.nack && video.feedback.pli && video.feedback.fir && video.feedback.transport_cc);
    let answer = publishing.answer(&local(), Some(2_500));
    let sections = [("audio", "111"), ("video", "96 97")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(read_by_another(&answer), sections);
    assert_eq!((count(&answer, "a=recvonly"), count(&answer, "a=setup:passive")), (2, 2));
    assert_eq!((count(&answer, "a=rtcp-mux"), count(&answer, "a=end-of-candidates")), (2, 1));
    assert_eq!(count(&answer, "b=AS:2500"), 1);
    assert!(!answer.contains("simulcast") && !answer.contains("a=rid") && !answer.contains("goog-remb"));
    assert!(answer.contains("a=ice-lite\r\n") && answer.contains("a=group:BUNDLE 0 1\r\n"));
}

#[test]
fn the_channel_says_which_codecs() {
    let offer = || Offer::read(&chromium_publishes()).unwrap();
    let tracks = offer().publish(&[Codec::H264, Codec::Opus]).unwrap().tracks;
    assert_eq!(
        (tracks[1].codec, tracks[1].payload_type, tracks[1].rtx_payload_type),
        (Codec::H264, 103, Some(104))
    );
    let refusal = offer().publish(&[Codec::H265, Codec::Opus]).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unsupported);
    assert!(refusal.to_string().ends_with("those are: H265"), "{refusal}");
}

#[test]
fn others_publish() {
    let tracks = live(&firefox_publishes());
    assert_eq!(
        (tracks[0].codec, tracks[1].codec, tracks[1].rtx_payload_type),
        (Codec::Opus, Codec::Vp8, Some(124))
    );
    assert_eq!((tracks[1].ssrc, tracks[1].rtx_ssrc), (Some(2_655_508_255), Some(4_115_936_254)));
    let tracks = live(&obs_publishes());
    assert_eq!(
        (tracks[1].codec, tracks[1].rtx_payload_type, tracks[1].ssrc),
        (Codec::H264, None, Some(1_382_430_842))
    );
    assert!(!tracks[1].feedback.transport_cc && tracks[1].feedback.pli);
    let tracks = live(&gstreamer_publishes());
    assert_eq!((tracks.len(), tracks[0].codec, tracks[0].mid.as_str()), (1, Codec::Vp9, "video0"));
    assert!(tracks[0].feedback.nack && tracks[0].feedback.transport_cc);
}

#[test]
fn layers_by_source_are_answered_with_the_first() {
    let groups = "a=ssrc-group:SIM 1 2 3\r\na=ssrc-group:FID 2 20\r\na=ssrc-group:FID 1 10\r\na=rid:q send";
    let track = live(&chromium_publishes().replace("a=rid:q send", groups)).remove(1);
    assert_eq!((track.ssrc, track.rtx_ssrc), (Some(1), Some(10)));
}

#[test]
fn chromium_watches_what_others_publish() {
    for (publisher, codec) in [
        (chromium_publishes(), (Codec::Vp8, 96, Some(97))),
        (obs_publishes(), (Codec::H264, 109, Some(114))),
        (firefox_publishes(), (Codec::Vp8, 96, Some(97))),
    ] {
        let watching = watched(&chromium_watches(), &live(&publisher)).unwrap();
        let [audio, video] = watching.tracks.as_slice() else { panic!("two tracks") };
        assert_eq!(watching.shows, [0, 1]);
        assert_eq!((audio.codec, audio.payload_type), (Codec::Opus, 111));
        assert_eq!((video.codec, video.payload_type, video.rtx_payload_type), codec);
        let mut ssrcs = [audio.ssrc, video.ssrc, video.rtx_ssrc].map(Option::unwrap);
        ssrcs.sort_unstable();
        assert!(ssrcs[0] != 0 && ssrcs[0] < ssrcs[1] && ssrcs[1] < ssrcs[2], "{ssrcs:?}");
        let answer = watching.answer(&local());
        read_by_another(&answer);
        assert_eq!((count(&answer, "a=sendonly"), count(&answer, "a=setup:passive")), (2, 2));
        let group = format!("a=ssrc-group:FID {} {}", video.ssrc.unwrap(), video.rtx_ssrc.unwrap());
        assert_eq!(count(&answer, &group), 1);
        let stream =
            |line: &str| line.strip_prefix("a=msid:").map(|msid| msid.split(' ').next().unwrap().to_owned());
        let streams: Vec<String> = answer.lines().filter_map(stream).collect();
        assert!(streams.len() == 2 && streams[0] == streams[1], "one stream: {streams:?}");
    }
}

/// Sound alone is wanted, or sound alone is live.
#[test]
fn a_viewer_gets_the_kinds_that_it_wants_and_that_are_live() {
    let both = live(&chromium_publishes());
    let offer =
        chromium_watches().replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0").replace("a=bundle-only\r\n", "");
    let watching = watched(&offer, &both).unwrap();
    assert_eq!((watching.tracks.len(), watching.shows.as_slice()), (1, [0].as_slice()));
    let pictures = live(&gstreamer_publishes());
    let watching = watched(&chromium_watches(), &pictures).unwrap();
    assert_eq!((watching.tracks[0].mid.as_str(), watching.shows.as_slice()), ("1", [0].as_slice()));
    let answer = watching.answer(&local());
    assert!(
        answer.contains("a=group:BUNDLE 1\r\n") && answer.contains("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n")
    );
    assert_eq!(read_by_another(&answer).len(), 2);
}

#[test]
fn extensions_go_to_viewers_when_both_sides_know_them() {
    let watching = watched(&chromium_watches(), &live(&chromium_publishes())).unwrap();
    let video = &watching.tracks[1].extensions;
    assert_eq!(video.id(Extension::PlayoutDelay), Some(5));
    assert_eq!((video.id(Extension::Mid), video.id(Extension::TransportCc)), (None, Some(3)));
    let watching = watched(&chromium_watches(), &live(&obs_publishes())).unwrap();
    assert_eq!(watching.tracks[1].extensions.id(Extension::PlayoutDelay), None, "nobody sends it");
}

#[test]
fn what_cannot_be_played_gets_our_own_offer() {
    let mut tracks = live(&obs_publishes());
    tracks[1].format = Some("profile-level-id=64001f;packetization-mode=1".to_owned());
    let refusal = watched(&chromium_watches(), &tracks).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Incompatible);
    assert!(refusal.to_string().contains("H264 with profile-level-id=64001f"), "{refusal}");
    let counter = CounterOffer::new(&tracks, &SeededRandom::new(1));
    let offer = counter.text(&local());
    assert_eq!(read_by_another(&offer).len(), 2);
    assert_eq!((count(&offer, "a=sendonly"), count(&offer, "a=setup:actpass")), (2, 2));
    let taken = counter.answered(&answer_to(&offer)).unwrap();
    assert_eq!(taken.shows, [0, 1]);
    assert_eq!(taken.tracks, counter.tracks);
    assert_eq!(taken.agreed(local().credentials).remote.ufrag, "EsAw");
}

#[test]
fn an_answer_to_ours_keeps_the_rules() {
    let counter = CounterOffer::new(&live(&chromium_publishes()), &SeededRandom::new(1));
    let good = answer_to(&counter.text(&local()));
    let audio_only = good.replace("m=video 9", "m=video 0");
    assert_eq!(counter.answered(&audio_only).unwrap().shows, [0]);
    for (from, to, why) in [
        ("a=setup:active", "a=setup:passive", "active"),
        ("a=recvonly", "a=sendonly", "recvonly or inactive"),
        ("a=mid:1\r\n", "a=mid:2\r\n", "BUNDLE"),
        ("VP8/90000", "VP9/90000", "has the codec that was offered"),
        ("m=audio 9", "m=audio 0", "not disabled"),
        ("a=recvonly", "a=inactive", "at least one"),
    ] {
        let refusal = counter.answered(&good.replace(from, to)).unwrap_err();
        assert!(refusal.to_string().contains(why), "{from}: {refusal}");
    }
    let without_rtx = good.replace("a=fmtp:97 apt=96\r\n", "").replace("SAVPF 96 97", "SAVPF 96");
    let taken = counter.answered(&without_rtx).unwrap();
    assert!(taken.tracks[1].rtx_payload_type.is_none() && taken.tracks[1].rtx_ssrc.is_none());
}

/// What breaks which rule, and where.
#[test]
fn a_refusal_names_the_line_or_the_rule() {
    use RefusalKind::{Malformed, Unsupported};
    for (from, to, kind, line, why) in [
        ("v=0", "v=1", Malformed, Some(1), "v=0"),
        ("o=- 5228595038118931041 2 IN IP4 127.0.0.1", "o=- 1 2", Malformed, Some(2), "six parts"),
        ("t=0 0\r\n", "", Malformed, None, "t="),
        ("s=-\r\n", "s=-\r\ns=-\r\n", Malformed, Some(4), "in this order"),
        ("a=sendonly", "nonsense", Malformed, Some(21), "one letter"),
        ("a=sendonly", "x=1", Malformed, Some(21), "m, i, c, b, k and a"),
        ("a=group:BUNDLE 0 1", "a=x", Unsupported, None, "BUNDLE is needed"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0", Unsupported, Some(37), "every section belongs"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 2 0 1", Malformed, Some(1), "first name"),
        ("a=rtcp-mux\r\n", "", Unsupported, Some(8), "rtcp-mux"),
        ("a=mid:1", "a=mid:0", Malformed, Some(8), "each a=mid"),
        ("a=mid:0", "a=mid:0123456789abcdef0", Malformed, Some(16), "1 to 16"),
        ("a=sendonly", "a=recvonly", Unsupported, Some(8), "sendonly or sendrecv"),
        ("a=sendonly", "a=inactive", Unsupported, Some(8), "sendonly or sendrecv"),
        ("a=setup:actpass", "a=setup:passive", Unsupported, None, "actpass or active"),
        ("a=setup:actpass", "a=setup:holdconn", Malformed, Some(15), "actpass, active or passive"),
        ("a=ice-ufrag:EsAw", "a=ice-ufrag:Es", Malformed, Some(11), "4 to 256"),
        ("a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", "a=ice-pwd:short", Malformed, Some(12), "22 to 256"),
        ("fingerprint:sha-256 DA:", "fingerprint:sha-256 ", Malformed, Some(14), "32 pairs"),
        ("fingerprint:sha-256", "fingerprint:sha-1", Unsupported, Some(8), "sha-256"),
        ("m=video 9", "m=application 9", Unsupported, Some(37), "audio and video"),
        ("m=video 9", "m=audio 9", Unsupported, Some(37), "at most one"),
        ("UDP/TLS/RTP/SAVPF 96", "RTP/AVP 96", Unsupported, Some(37), "protocol"),
        ("SAVPF 96 97", "SAVPF 96 96", Malformed, Some(37), "different numbers"),
        ("SAVPF 96 97", "SAVPF 300", Malformed, Some(37), "different numbers"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus", Malformed, Some(25), "a=rtpmap has"),
        ("a=extmap:1 urn", "a=extmap:x urn", Malformed, Some(17), "a=extmap has"),
        ("a=ssrc:3570614608 cname", "a=ssrc:-1 cname", Malformed, Some(35), "32 bits"),
    ] {
        let text = chromium_publishes().replace(from, to);
        let refusal = Offer::read(&text).and_then(|offer| offer.publish(&Codec::ALL)).unwrap_err();
        assert_eq!((refusal.kind, refusal.line), (kind, line), "{from} -> {to}: {refusal}");
        assert!(refusal.to_string().contains(why), "{from} -> {to}: {refusal}");
    }
    let twice = chromium_publishes().replace("SAVPF 111 63", "SAVPF 96 63").replace(":111 opus", ":96 opus");
    let refusal = Offer::read(&twice).unwrap().publish(&Codec::ALL).unwrap_err();
    assert!(refusal.to_string().contains("stands for one format"), "{refusal}");
    let refusal = Offer::read(&"a=x\r\n".repeat(20_000)).unwrap_err();
    assert!(refusal.to_string().contains("65536"));
    assert!(Offer::read("").is_err());
}

#[test]
fn fragments_are_read() {
    let trickle = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 host.local 61764 typ host generation 0 ufrag EsAw\r\n\
        a=candidate:2 1 weird 1518280447 192.0.2.1 9 typ host tcptype active\r\na=end-of-candidates\r\n";
    let fragment = Fragment::read(trickle).unwrap();
    assert_eq!((fragment.candidates, fragment.credentials.unwrap().ufrag.as_str()), (2, "EsAw"));
    let restart =
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=ice-ufrag:ysXw\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\n";
    assert_eq!(Fragment::read(restart).unwrap().credentials.unwrap().ufrag, "ysXw");
    let end = Fragment::read("a=end-of-candidates\r\n").unwrap();
    assert_eq!((end.candidates, end.credentials), (0, None));
    for bad in [
        "",
        "v=0\r\n",
        "a=x\r\n",
        "a=ice-ufrag:ysXw\r\n",
        "a=candidate:1 1 udp\r\n",
        "a=ice-pwd\r\n",
        "nonsense",
    ] {
        assert!(Fragment::read(bad).is_err(), "{bad}");
    }
    let answer = Fragment::answer(&local(), &live(&chromium_publishes()));
    let read = Fragment::read(&answer).unwrap();
    assert_eq!((read.candidates, read.credentials.unwrap()), (1, local().credentials));
}

proptest! {
    /// Whatever comes, nothing panics; and what is taken can be answered, and another implementation reads the answer.
    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let text = String::from_utf8_lossy(&bytes);
        let _refused = Offer::read(&text);
        let _refused = Fragment::read(&text);
    }

    #[test]
    fn mutated_offers_do_no_harm(
        which in 0_usize..5,
        cuts in proptest::collection::vec((0_usize..10_000, 0_usize..40, "[ -~\r\n]{0,12}"), 1..6),
    ) {
        let [chromium, firefox, obs, gstreamer] = publishers();
        let mut text = [chromium, firefox, obs, gstreamer, chromium_watches()][which].clone();
        for (at, length, put) in cuts {
            let from = at % text.len().max(1);
            let to = (from + length).min(text.len());
            text.replace_range(from..to, &put);
        }
        let tracks = live(&firefox_publishes());
        if let Ok(offer) = Offer::read(&text) {
            if let Ok(publishing) = offer.clone().publish(&Codec::ALL) {
                read_by_another(&publishing.answer(&local(), Some(1)));
                prop_assert!(publishing.tracks.len() <= 2);
            }
            if let Ok(watching) = offer.watch(&tracks, &SeededRandom::new(1)) {
                read_by_another(&watching.answer(&local()));
                prop_assert_eq!(watching.tracks.len(), watching.shows.len());
            }
        }
        let _refused = CounterOffer::new(&tracks, &SeededRandom::new(1)).answered(&text);
    }

    /// Lines that nobody knows change nothing.
    #[test]
    fn unknown_attributes_are_left_out(name in "x-[a-z]{1,8}", value in "[!-~]{0,20}", after in 5_usize..60) {
        let offer = chromium_publishes();
        let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
        lines.insert(after.min(lines.len()), format!("a={name}:{value}"));
        prop_assert_eq!(live(&(lines.join("\r\n") + "\r\n")), live(&offer));
    }
}
