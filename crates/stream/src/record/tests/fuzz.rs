//! Whatever is sent, nothing panics and memory is bounded.

use proptest::prelude::*;

use super::*;
use crate::packet::{ClockReading, Packet};
use crate::record::depacketize::Depacketizer;

fn codec() -> impl Strategy<Value = Codec> {
    (0..Codec::ALL.len()).prop_map(|at| Codec::ALL[at])
}

/// Bytes at random, or what begins as payloads of this kind do.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let starts: Vec<&'static [u8]> = vec![
        &[],
        &[0x67, 0x42, 0xc0, 0x1e],
        &[0x78, 0, 4],
        &[0x7c, 0x85],
        &[0x65, 0x88],
        &[0x40, 1, 0x0c, 1],
        &[0x42, 1, 1, 1],
        &[0x60, 1, 0, 4],
        &[0x62, 1, 0x93],
        &[0x26, 1, 0x80],
        &[0x90, 0x80, 0x81, 0x9d, 0x01, 0x2a],
        &[0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0],
        &[0x8a, 0x80, 1, 0x18],
        &[0x08, 0x82, 0x49, 0x83, 0x42],
        &[0x18, 0x0a, 0x0b, 0, 0, 0],
        &[0x48, 0x30, 0x10],
    ];
    (0..starts.len(), prop::collection::vec(any::<u8>(), 0..200))
        .prop_map(move |(start, rest)| [starts[start], rest.as_slice()].concat())
}

type Sent = (u16, u32, bool, Vec<u8>);

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let one = (0..400_u16, prop_oneof![0..90_000_u32, any::<u32>()], any::<bool>(), payload());
    prop::collection::vec(one, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_packets(codec in codec(), sent in sent()) {
        let begun = begin();
        let mut capture = Capture::new(&[track("0", codec)], begun);
        for (index, timestamp, marker, payload) in sent {
            let rtp = Rtp { sequence: index, timestamp, marker, payload };
            let arrived = begun + Duration::from_millis(u64::from(index) * 20);
            let packet = Arc::new(rtp.packet(index.into(), arrived));
            let _ends = capture.push(Tapped::Packet { track: 0, packet });
            let reading = ClockReading { ntp: u64::from(timestamp) << 20, timestamp };
            capture.push(Tapped::Clock { track: 0, reading, arrived }).unwrap();
            let _asks = capture.asks();
            drop(capture.take());
        }
        let _ends = capture.finish();
    }

    #[test]
    fn any_bytes_in_order(codec in codec(), sent in sent()) {
        let mut depacketizer = Depacketizer::new(&track("0", codec));
        let (mut units, mut bytes) = (Vec::new(), 0);
        for (index, timestamp, marker, payload) in sent {
            bytes += payload.len() + 300;
            let rtp = Rtp { sequence: 0, timestamp: timestamp % 3, marker, payload };
            if index % 17 == 0 {
                depacketizer.lost();
            }
            depacketizer.push(&rtp.packet(u64::from(index), begin()), &mut units);
        }
        prop_assert!(units.iter().map(|unit| unit.data.len()).sum::<usize>() <= bytes);
    }
}

/// Real packets with bits turned over, cut off, and in a wrong order.
#[test]
fn real_packets_damaged() {
    let fast = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "10"];
    let vp8 = ["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0", "-g", "10"];
    let vp9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "10"];
    let aom = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "10"];
    let source = "testsrc2=size=320x240:rate=30:duration=1";
    let real = [
        (Codec::H264, media::packets(&media::rtp(source, &fast))),
        (Codec::Vp8, media::packets(&media::rtp(source, &vp8))),
        (Codec::Vp9, media::packets(&media::rtp(source, &vp9))),
        (Codec::Av1, obu::packed(&media::stream(source, &aom, "obu"), 3_000)),
    ];
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for (codec, packets) in real {
        for _round in 0..40 {
            let begun = begin();
            let mut capture = Capture::new(&[track("0", codec)], begun);
            for (at, rtp) in packets.iter().enumerate() {
                let arrived = arrival(begun, packets[0].timestamp, rtp.timestamp, 90_000);
                let mut packet: Packet = rtp.packet(u64::try_from(at).unwrap(), arrived);
                match random(10) {
                    0 => {
                        let place = random(packet.payload.len().min(40));
                        packet.payload[place] ^= 1 << random(8);
                    }
                    1 => packet.payload = packet.payload[..random(packet.payload.len())].into(),
                    2 => packet.index += 2,
                    3 => {
                        packet.timestamp =
                            packet.timestamp.wrapping_add(u32::try_from(random(9_000)).unwrap());
                    }
                    _ => {}
                }
                let _ends = capture.push(Tapped::Packet { track: 0, packet: Arc::new(packet) });
            }
            let _ends = capture.finish();
        }
    }
}
