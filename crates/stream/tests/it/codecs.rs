//! Every codec is forwarded untouched.

use std::time::{Duration, Instant};

use str0m::format::Codec as PeerCodec;
use str0m::{Rtc, RtcConfig};
use veza_stream::plane::Event;
use veza_stream::{Codec, ExtensionMap, Feedback, Track};

use crate::forward::{id, plane};
use crate::peer::{Peer, until};

/// The same codec in the words of the peer.
fn of_peer(codec: Codec) -> PeerCodec {
    match codec {
        Codec::Opus => PeerCodec::Opus,
        Codec::Pcmu => PeerCodec::PCMU,
        Codec::Pcma => PeerCodec::PCMA,
        Codec::G722 => PeerCodec::G722,
        Codec::Vp8 => PeerCodec::Vp8,
        Codec::Vp9 => PeerCodec::Vp9,
        Codec::H264 => PeerCodec::H264,
        Codec::H265 => PeerCodec::H265,
        Codec::Av1 => PeerCodec::Av1,
    }
}

/// What a packet of a key frame begins with.
fn begins(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::Vp8 => &[0x10, 0x00],
        Codec::Vp9 => &[0x88],
        Codec::H264 => &[0x65],
        Codec::H265 => &[0x26, 0x01],
        Codec::Av1 => &[0x18],
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => &[],
    }
}

fn config() -> RtcConfig {
    let config = RtcConfig::new().set_rtp_mode(true).enable_pcmu(true, false).enable_pcma(true, false);
    config.enable_g722(true, false)
}

fn track(rtc: &Rtc, codec: Codec, ssrc: u32) -> Track {
    let params = rtc.codec_config().iter().find(|it| it.spec().codec == of_peer(codec));
    let payload_type = *params.unwrap_or_else(|| panic!("the peer has no {codec:?}")).pt();
    Track {
        mid: "m".to_owned(),
        codec,
        format: None,
        payload_type,
        rtx_payload_type: None,
        ssrc: Some(ssrc),
        rtx_ssrc: None,
        extensions: ExtensionMap::default(),
        feedback: Feedback::default(),
    }
}

#[test]
fn each_codec_arrives_as_it_was_sent() {
    let (_turn, plane, mut events) = plane(1);
    for codec in Codec::ALL {
        let (source, session) = (id(), id());
        let (mut publisher, agreed) = {
            let rtc = config().build(Instant::now());
            let track = track(&rtc, codec, 7);
            Peer::of_one(&plane, rtc, track, true)
        };
        let payload_type = agreed.tracks[0].payload_type;
        plane.publish(source, agreed).unwrap();
        until("the publisher", &mut [&mut publisher], |all| all[0].connected);
        assert_eq!(events.blocking_recv(), Some(Event::Connected(source)));
        let (mut viewer, agreed) = {
            let rtc = config().build(Instant::now());
            let track = track(&rtc, codec, 8);
            Peer::of_one(&plane, rtc, track, false)
        };
        plane.watch(session, source, vec![0], agreed).unwrap();
        until("the viewer", &mut [&mut viewer, &mut publisher], |all| all[0].connected);
        assert_eq!(events.blocking_recv(), Some(Event::Connected(session)));
        let sent: Vec<Vec<u8>> = (0..50_u8).map(|number| [begins(codec), &[number; 60]].concat()).collect();
        for (number, payload) in (0_u32..).zip(&sent) {
            let time = number * codec.clock_rate() / 50;
            publisher.send(7, payload_type, number.into(), time, true, payload);
            viewer.turn();
            std::thread::sleep(Duration::from_millis(1));
        }
        until("all packets", &mut [&mut viewer, &mut publisher], |all| all[0].payloads(8).len() == 50);
        assert_eq!(viewer.payloads(8), sent, "{codec:?}");
    }
    plane.stop();
}
