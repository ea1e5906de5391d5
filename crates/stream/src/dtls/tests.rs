//! Handshakes with a client, and with what a client would never say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use proptest::prelude::*;
use rtc_dtls::config::ConfigBuilder;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use veza_core::{Clock, SystemClock, SystemRandom};

use super::handshakes::{Handshaken, Handshakes, Outcome};
use super::{OwnCertificate, handshakes};
use crate::id::SessionId;
use crate::srtp::Profile;

const SERVER: &str = "127.0.0.1:1";

/// A client that shakes hands.
struct Client(Endpoint, OwnCertificate);

impl Client {
    fn new(profiles: Vec<SrtpProtectionProfile>, now: Instant) -> Self {
        let own = OwnCertificate::generate().unwrap();
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&own.provider))
            .with_certificates(vec![own.certificate.clone()])
            .with_srtp_protection_profiles(profiles)
            .with_insecure_skip_verify(true)
            .build(true, None)
            .unwrap();
        let nowhere: SocketAddr = "127.0.0.1:2".parse().unwrap();
        let mut endpoint = Endpoint::new(nowhere, TransportProtocol::UDP, None);
        endpoint.connect(now, SERVER.parse().unwrap(), Arc::new(config), None).unwrap();
        Self(endpoint, own)
    }

    fn said(&mut self) -> Vec<BytesMut> {
        std::iter::from_fn(|| self.0.poll_transmit()).map(|transmit| transmit.message).collect()
    }

    /// Hears a datagram; answers whether it is done.
    fn hear(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let events = self.0.read(now, SERVER.parse().unwrap(), None, BytesMut::from(datagram));
        events.is_ok_and(|events| events.iter().any(|it| matches!(it, EndpointEvent::HandshakeComplete)))
    }
}

fn session() -> SessionId {
    SessionId::generate(SystemClock.now(), &SystemRandom)
}

fn server() -> (Handshakes, OwnCertificate) {
    let own = OwnCertificate::generate().unwrap();
    (Handshakes::new(&own).unwrap(), own)
}

/// Lets both talk until both are done; `alter` may change what the client says.
fn shake(
    server: &mut Handshakes,
    client: &mut Client,
    session: SessionId,
    now: Instant,
    mut alter: impl FnMut(&mut BytesMut) -> bool,
) -> Option<Handshaken> {
    let (mut done, mut client_done) = (None, false);
    for round in 0..40 {
        let now = now + Duration::from_millis(500) * round;
        let _late = client.0.handle_timeout(SERVER.parse().unwrap(), now);
        let mut outcomes = server.tick(now);
        for mut datagram in client.said() {
            if alter(&mut datagram) {
                outcomes.extend(server.take(now, session, &datagram));
            }
        }
        for (of, outcome) in outcomes {
            assert_eq!(of, session);
            match outcome {
                Outcome::Datagram(bytes) => client_done |= client.hear(now, &bytes),
                Outcome::Done(handshaken) => done = Some(handshaken),
                Outcome::Closed | Outcome::Failed => return None,
            }
        }
        if done.is_some() && client_done {
            return done;
        }
    }
    None
}

#[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn both_get_the_same_keys_and_the_cheapest_profile_that_both_know() {
    let gcm = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
    let counter = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80;
    let cases = [
        (vec![counter, gcm], Profile::Aes128Gcm),
        (vec![gcm, counter], Profile::Aes128Gcm),
        (vec![counter], Profile::Aes128CmSha1_80),
    ];
    for (profiles, expected) in cases {
        let (mut server, _) = server();
        let mut client = Client::new(profiles, now());
        let done = shake(&mut server, &mut client, session(), now(), |_| true).unwrap();
        assert_eq!(done.profile, expected);
        assert_eq!(done.fingerprint, client.1.fingerprint);
        let state = client.0.get_connection_state(SERVER.parse().unwrap()).unwrap();
        let length = expected.keying_material();
        let theirs = state.export_keying_material(handshakes::LABEL, &[], length).unwrap();
        assert_eq!(done.material[..], *theirs.as_ref());
    }
}

#[test]
fn who_loses_datagrams_gets_there_later() {
    let (mut server, _) = server();
    let mut client = Client::new(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm], now());
    let mut nth = 0;
    let lossy = |_: &mut BytesMut| {
        nth += 1;
        nth % 3 != 1
    };
    assert!(shake(&mut server, &mut client, session(), now(), lossy).is_some());
}

/// What is left of a handshake: little, and enough to repeat our last words, to understand a goodbye, and to say one.
#[test]
fn of_what_is_done_little_is_kept() {
    let gcm = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
    let (mut server, _) = server();
    let (session, now) = (session(), now());
    let mut client = Client::new(vec![gcm], now);
    let (mut flight, mut last) = (Vec::new(), Vec::new());
    let mut done = None;
    while done.is_none() {
        flight = client.said();
        for datagram in &flight {
            last.clear();
            for (_, outcome) in server.take(now, session, datagram) {
                match outcome {
                    Outcome::Datagram(bytes) => last.push(bytes),
                    Outcome::Done(handshaken) => done = Some(handshaken),
                    other => panic!("{other:?}"),
                }
            }
            if done.is_none() {
                for bytes in &last {
                    assert!(!client.hear(now, bytes));
                }
            }
        }
    }
    assert!(server.kept(session).unwrap() < 1_500, "{:?} bytes are kept", server.kept(session));
    assert!(server.next_tick().is_none() && server.known() == 1);
    // Our last words were lost: the peer says its own again, in records of its own.
    let mut heard = false;
    for _ in 0..20 {
        for datagram in &flight {
            for (_, outcome) in server.take(now, session, datagram) {
                let Outcome::Datagram(bytes) = outcome else { panic!("{outcome:?}") };
                assert!(last.contains(&bytes));
                heard |= client.hear(now, &bytes);
            }
        }
    }
    assert!(heard, "it is done there as well");
    let silent: Vec<_> = flight.iter().flat_map(|datagram| server.take(now, session, datagram)).collect();
    assert!(silent.is_empty(), "not for ever");
    // Alerts that others make, or change, are none.
    client.0.stop(now, SERVER.parse().unwrap());
    let goodbye = client.said().remove(0);
    for place in 13..goodbye.len() {
        let mut forged = goodbye.to_vec();
        forged[place] ^= 1;
        assert!(server.take(now, session, &forged).is_empty());
    }
    assert!(server.take(now, session, &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 0]).is_empty());
    let ended = server.take(now, session, &goodbye);
    let [(_, Outcome::Datagram(_)), (_, Outcome::Closed)] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!(server.known(), 0);
}

#[test]
fn a_goodbye_is_understood() {
    let (mut server, _) = server();
    let mut client = Client::new(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm], now());
    let session = session();
    let done = shake(&mut server, &mut client, session, now(), |_| true).unwrap();
    let events =
        client.0.read(now(), SERVER.parse().unwrap(), None, BytesMut::from(&done.goodbye[..])).unwrap();
    assert!(events.iter().any(|event| matches!(event, EndpointEvent::PeerClosed)));
    server.end(now(), session);
    assert_eq!(server.known(), 0);
}

/// As OpenSSL says hello over a pipe whose largest datagram it does not know: in fragments, each in a record of its own, all
/// in one datagram. Records that are not encrypted are numbered anew.
fn in_records(datagram: &[u8], number: &mut u64) -> BytesMut {
    let (mut altered, mut rest) = (BytesMut::new(), datagram);
    while let Some((head, body)) = rest.split_first_chunk::<13>() {
        let (body, after) = body.split_at(usize::from(u16::from_be_bytes([head[11], head[12]])));
        rest = after;
        if head[3..5] != [0, 0] {
            altered.extend([head, body].concat());
            continue;
        }
        let mut record = |body: &[u8]| {
            altered.extend(&head[..5]);
            altered.extend(&number.to_be_bytes()[2..]);
            altered.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
            altered.extend(body);
            *number += 1;
        };
        if head[0] != 22 || body[0] != 1 {
            record(body);
            continue;
        }
        let (about, hello) = body.split_at(12);
        for (index, part) in hello.chunks(60).enumerate() {
            let offset = u32::try_from(index * 60).unwrap().to_be_bytes();
            let length = u32::try_from(part.len()).unwrap().to_be_bytes();
            record(&[&about[..6], &offset[1..], &length[1..], part].concat());
        }
    }
    altered
}

#[test]
fn who_says_hello_in_many_records_of_one_datagram_is_heard() {
    let (mut server, own) = server();
    let profiles = vec![
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    ];
    let mut client = Client::new(profiles, now());
    let (mut number, mut records) = (0, 0);
    let done = shake(&mut server, &mut client, session(), now(), |datagram| {
        let altered = in_records(datagram, &mut number);
        records += altered.len() - datagram.len();
        *datagram = altered;
        true
    });
    assert!(records > 25, "nothing was cut");
    assert_eq!(done.unwrap().profile, Profile::Aes128Gcm);
    drop(own);
}

#[test]
fn what_nobody_began_is_not_kept() {
    let (mut server, _) = server();
    for number in 0..1_000_u32 {
        let outcomes = server.take(now(), session(), &[&[22, 254, 253][..], &number.to_be_bytes()].concat());
        assert!(outcomes.is_empty());
    }
    assert!(server.next_tick().is_none());
    assert_eq!(server.known(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_that_comes_panics(seed: u64, most in 1_u64..6, length in 0_usize..400) {
        let mut state = seed;
        let mut below = move |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end.max(1)
        };
        let (mut server, _) = server();
        let mut client = Client::new(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm], now());
        let session = session();
        shake(&mut server, &mut client, session, now(), |datagram| {
            if below(3) > 0 {
                return true;
            }
            for _ in 0..below(most) {
                let at = usize::try_from(below(u64::try_from(datagram.len()).unwrap())).unwrap();
                if let Some(byte) = datagram.get_mut(at) {
                    *byte = u8::try_from(below(256)).unwrap();
                }
            }
            if below(4) == 0 {
                let end = usize::try_from(below(u64::try_from(datagram.len() + 1).unwrap())).unwrap();
                datagram.truncate(end);
            }
            true
        });
        let noise: Vec<u8> = (0..length).map(|_| u8::try_from(below(256)).unwrap()).collect();
        server.take(now(), session, &noise);
        server.end(now(), session);
    }
}
