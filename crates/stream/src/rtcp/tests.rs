//! Against another implementation of the same.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rtc_rtcp::packet::{Packet, unmarshal};
use rtc_rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::SourceDescription;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{
    NackPair, TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc_shared::marshal::Marshal;

use super::{Arrivals, Compound, Reception, Report, read};

const RECEPTION: Reception = Reception {
    ssrc: 7,
    fraction: 12,
    lost: -3,
    highest: 0x2_0005,
    jitter: 90,
    last_report: 0x1234_5678,
    delay: 65_536,
};

fn theirs(bytes: &[u8]) -> Vec<Box<dyn Packet>> {
    unmarshal(&mut Bytes::copy_from_slice(bytes)).unwrap()
}

fn one<T: Clone + 'static>(packets: &[Box<dyn Packet>]) -> T {
    packets.iter().find_map(|packet| packet.as_any().downcast_ref::<T>()).unwrap().clone()
}

fn marshal(packet: &impl Marshal) -> BytesMut {
    packet.marshal().unwrap()
}

#[test]
fn what_we_tell_is_understood_by_another_implementation() {
    let mut compound = Compound::default();
    compound.sender(1, 0x0102_0304_0506_0708, 9, 10, 11);
    compound.name(1, "veza");
    compound.receiver(2, &[RECEPTION]);
    compound.nack(2, 7, &[65_530, 65_536, 65_546, 65_600]);
    compound.pli(2, 7);
    compound.fir(2, 7, 3);
    let packets = theirs(&compound.bytes);
    let sender: SenderReport = one(&packets);
    assert_eq!((sender.ssrc, sender.ntp_time, sender.rtp_time), (1, 0x0102_0304_0506_0708, 9));
    assert_eq!((sender.packet_count, sender.octet_count), (10, 11));
    let name: SourceDescription = one(&packets);
    assert_eq!(name.chunks[0].items[0].text, "veza");
    let receiver: ReceiverReport = one(&packets);
    let block: &ReceptionReport = &receiver.reports[0];
    assert_eq!((receiver.ssrc, block.ssrc, block.fraction_lost), (2, 7, 12));
    assert_eq!((block.total_lost, block.last_sequence_number), (0xff_fffd, 0x2_0005));
    assert_eq!((block.jitter, block.last_sender_report, block.delay), (90, 0x1234_5678, 65_536));
    let nack: TransportLayerNack = one(&packets);
    let missing: Vec<u16> = nack.nacks.iter().flat_map(NackPair::packet_list).collect();
    assert_eq!((nack.media_ssrc, missing), (7, vec![65_530, 0, 10, 64]));
    assert_eq!(one::<PictureLossIndication>(&packets).media_ssrc, 7);
    let fir: FullIntraRequest = one(&packets);
    assert_eq!((fir.fir[0].ssrc, fir.fir[0].sequence_number), (7, 3));
}

#[test]
fn what_another_implementation_tells_is_understood() {
    let sender = SenderReport { ssrc: 1, ntp_time: 5 << 32, rtp_time: 6, ..SenderReport::default() };
    let block = ReceptionReport {
        ssrc: 7,
        fraction_lost: 12,
        total_lost: 0xff_fffd,
        last_sequence_number: 0x2_0005,
        jitter: 90,
        last_sender_report: 0x1234_5678,
        delay: 65_536,
    };
    let receiver = ReceiverReport { ssrc: 2, reports: vec![block], ..ReceiverReport::default() };
    let nacks = nack_pairs_from_sequence_numbers(&[65_535, 0, 9]);
    let nack = TransportLayerNack { sender_ssrc: 2, media_ssrc: 7, nacks };
    let pli = PictureLossIndication { sender_ssrc: 2, media_ssrc: 8 };
    let entry = FirEntry { ssrc: 9, sequence_number: 1 };
    let fir = FullIntraRequest { sender_ssrc: 2, media_ssrc: 0, fir: vec![entry] };
    let all = [marshal(&sender), marshal(&receiver), marshal(&nack), marshal(&pli), marshal(&fir)].concat();
    let mut reports = Vec::new();
    assert!(read(&all, |report| reports.push(report)));
    assert_eq!(
        reports,
        [
            Report::Sender { ssrc: 1, ntp: 5 << 32, timestamp: 6 },
            Report::Reception(RECEPTION),
            Report::Missing { ssrc: 7, first: 65_535, behind: 0 },
            Report::Missing { ssrc: 7, first: 0, behind: 1 << 8 },
            Report::Keyframe { ssrc: 8 },
            Report::Keyframe { ssrc: 9 },
        ]
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
fn arrivals_are_told_as_they_were() {
    let begin = Instant::now();
    let mut arrivals = Arrivals::new(begin);
    let at = |millis: u64| begin + Duration::from_millis(millis);
    // Over the end of the numbers, one missing, one late by more than a byte can say, two out of order.
    for (sequence, millis) in [(65_534, 100), (65_535, 101), (1, 103), (2, 300), (4, 301), (3, 302)] {
        arrivals.note(sequence, at(millis));
    }
    let mut bytes = Vec::new();
    arrivals.report(&mut bytes, 1, 2);
    let feedback: TransportLayerCc = one(&theirs(&bytes));
    assert_eq!((feedback.base_sequence_number, feedback.packet_status_count), (65_534, 7));
    assert_eq!((feedback.sender_ssrc, feedback.media_ssrc, feedback.fb_pkt_count), (1, 2, 0));
    let mut last = i64::from(feedback.reference_time) * 64_000;
    let mut times = Vec::new();
    for delta in &feedback.recv_deltas {
        last += delta.delta;
        times.push(last / 1_000);
    }
    assert_eq!(times, [100, 101, 103, 300, 302, 301]);
    // We read what we wrote.
    let mut missing = Vec::new();
    assert!(read(&bytes, |report| {
        if let Report::Arrived(arrived) = report {
            missing.push((arrived.first, arrived.count, arrived.missing()));
        }
    }));
    assert_eq!(missing, [(65_534, 7, 1)]);
    arrivals.note(5, at(320));
    bytes.clear();
    arrivals.report(&mut bytes, 1, 2);
    let feedback: TransportLayerCc = one(&theirs(&bytes));
    assert_eq!(
        (feedback.base_sequence_number, feedback.packet_status_count, feedback.fb_pkt_count),
        (5, 1, 1)
    );
}

proptest! {
    #[test]
    fn nothing_that_comes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 200_u8..208, count in 0_u8..32) {
        read(&bytes, |report| {
            if let Report::Arrived(arrived) = report {
                assert!(arrived.missing() <= u32::from(arrived.count));
            }
        });
        let mut packet = vec![0x80 | count, kind, 0, u8::try_from(bytes.len() / 4).unwrap()];
        packet.extend(&bytes[..bytes.len() / 4 * 4]);
        read(&packet, |report| {
            if let Report::Arrived(arrived) = report {
                assert!(arrived.missing() <= u32::from(arrived.count));
            }
        });
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn any_arrivals_can_be_told(packets in proptest::collection::vec((any::<u16>(), 0_u64..100_000), 0..300)) {
        let begin = Instant::now();
        let mut arrivals = Arrivals::new(begin);
        for (sequence, millis) in packets {
            arrivals.note(sequence, begin + Duration::from_millis(millis));
        }
        let mut bytes = Vec::new();
        arrivals.report(&mut bytes, 1, 2);
        prop_assert!(bytes.len() <= 1_600, "{}", bytes.len());
        let whole = read(&bytes, drop);
        prop_assert!(whole);
    }
}
