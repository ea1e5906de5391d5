//! Who has no right to be heard is not.

use std::net::UdpSocket;
use std::time::Duration;

use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USERNAME};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter};
use veza_stream::Fingerprint;
use veza_stream::plane::{EndReason, Event};

use crate::forward::{PUBLISHED, WATCHED, id, plane, publisher, send_frames, stats, viewer};
use crate::peer::{Peer, until};

/// A check as a browser makes it.
pub(crate) fn check(user: &str, pwd: &str) -> Vec<u8> {
    let provider = rtc_crypto::default_provider().unwrap();
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    message.new_transaction_id().unwrap();
    message.write_header();
    message.add(ATTR_USERNAME, user.as_bytes());
    message.add(ATTR_ICE_CONTROLLING, &[1; 8]);
    message.add(ATTR_PRIORITY, &[1; 4]);
    let pwd = pwd.to_owned();
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(pwd, provider.crypto());
    integrity.add_to(&mut message).unwrap();
    message.raw
}

#[test]
fn strangers_are_not_answered_and_take_no_place() {
    let (_turn, plane, mut events) = plane(2);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let (mut viewer, session) = viewer(&plane, source, &mut publisher, &mut events);
    let server = plane.candidates()[0].address;
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let (_, mut agreed) = Peer::new(&plane, WATCHED, false);
    let waiting = agreed.local.clone();
    agreed.remote.ufrag = "theirs".to_owned();
    plane.watch(id(), source, vec![0, 1], agreed).unwrap();
    let sessions = plane.sessions().len();
    for number in 0..5_000_u32 {
        // Names that nobody has, a name with a wrong password, a name with a wrong other half, and no names at all.
        let datagram = match number % 6 {
            0 => check(&format!("name{number}:theirs"), "a password of 22 letters"),
            1 => check(&format!("{}:theirs", waiting.ufrag), "a password of 22 letters"),
            2 => check(&format!("{}:others", waiting.ufrag), &waiting.pwd),
            3 => vec![0x80, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 11, 1, 2, 3],
            4 => vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            _ => number.to_be_bytes().repeat(50),
        };
        stranger.send_to(&datagram, server).unwrap();
        if number % 50 == 0 {
            let frame = u64::from(number / 50);
            send_frames(&mut publisher, frame..frame + 1, &mut [&mut viewer]);
        }
    }
    let answer = stranger.recv_from(&mut [0; 2_000]);
    assert!(answer.is_err(), "a stranger was answered: {answer:?}");
    assert_eq!(plane.sessions().len(), sessions);
    assert!(events.try_recv().is_err(), "nothing happened to sessions");
    until("all frames", &mut [&mut viewer, &mut publisher], |all| {
        all[0].payloads(WATCHED.video).len() == 100
    });
    assert_eq!(stats(&plane, session).packets_refused, 0);
    plane.stop();
}

#[test]
fn what_others_repeat_or_forge_is_not_heard() {
    let (_turn, plane, mut events) = plane(1);
    let (mut publisher, source) = publisher(&plane, &mut events);
    let (mut viewer, session) = viewer(&plane, source, &mut publisher, &mut events);
    send_frames(&mut publisher, 0..10, &mut [&mut viewer]);
    // Over the peer's own address, as one can who sits between.
    let server = plane.candidates()[0].address;
    let before = stats(&plane, source);
    for number in 0..1_000_u16 {
        let [high, low] = number.to_be_bytes();
        let [.., s3] = PUBLISHED.video.to_be_bytes();
        let mut packet = vec![0x80, 96, high, low, 0, 0, 0, 1, 0, 0, 0, s3];
        packet.extend([7; 40]);
        publisher.inject(&packet, server);
        publisher.inject(
            &[0x80, 201, 0, 1, 0, 0, 0, s3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 0x80, 0, 0, 1],
            server,
        );
        publisher.inject(&[22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, high, low], server);
        publisher.inject(&[0x80], server);
        publisher.inject(&[255; 30], server);
        if number % 100 == 0 {
            publisher.turn();
        }
    }
    send_frames(&mut publisher, 10..50, &mut [&mut viewer]);
    until("all frames", &mut [&mut viewer, &mut publisher], |all| all[0].payloads(WATCHED.video).len() == 50);
    let after = stats(&plane, source);
    // What the system drops of a flood was not heard either.
    assert!(after.connected && after.packets_refused > before.packets_refused + 100, "{after:?}");
    assert_eq!(after.tracks[1].packets, 50);
    assert!(stats(&plane, session).connected);
    plane.stop();
}

#[test]
fn a_peer_with_another_certificate_is_not_let_in() {
    let (_turn, plane, mut events) = plane(1);
    let (mut peer, mut agreed) = Peer::new(&plane, PUBLISHED, true);
    agreed.fingerprints = vec![Fingerprint([7; 32])];
    let session = id();
    plane.publish(session, agreed).unwrap();
    let mut ended = None;
    until("the end", &mut [&mut peer], |_| {
        ended = ended.take().or(events.try_recv().ok());
        ended.is_some()
    });
    let Some(Event::Ended(ended)) = ended else { panic!("{ended:?}") };
    assert_eq!((ended.session, ended.reason), (session, EndReason::HandshakeFailed));
    assert!(plane.sessions().is_empty());
    plane.stop();
}

#[test]
fn who_is_full_or_drains_says_so() {
    let (_turn, plane, _events) = plane(1);
    let (_, agreed) = Peer::new(&plane, PUBLISHED, true);
    let unknown = plane.watch(id(), id(), vec![0], agreed.clone());
    assert!(unknown.is_err(), "there is nothing to watch");
    plane.publish(id(), agreed.clone()).unwrap();
    assert!(plane.publish(id(), agreed).is_err(), "the name is taken");
    plane.drain();
    let (_, agreed) = Peer::new(&plane, PUBLISHED, true);
    assert!(plane.publish(id(), agreed).unwrap_err().to_string().contains("about to end"));
    plane.stop();
}
