//! Against another implementation of the same.

use bytes::Bytes;
use proptest::prelude::*;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::{Opener, Profile, Sealer, SrtpError, client, server};
use crate::rtp::Header;

const PROFILES: [(Profile, ProtectionProfile); 2] = [
    (Profile::Aes128Gcm, ProtectionProfile::AeadAes128Gcm),
    (Profile::Aes128CmSha1_80, ProtectionProfile::Aes128CmHmacSha1_80),
];

fn material(profile: Profile) -> Vec<u8> {
    (0..u8::try_from(profile.keying_material()).unwrap()).map(|byte| byte.wrapping_mul(37)).collect()
}

/// What the other implementation works with, as the client (`true`) or the server.
fn other(profile: (Profile, ProtectionProfile), is_client: bool) -> Context {
    let material = material(profile.0);
    let (keys, salts) = material.split_at(32);
    let half = salts.len() / 2;
    let at = usize::from(!is_client);
    let provider = rtc_crypto::default_provider().unwrap();
    let (key, salt) = (&keys[16 * at..16 * (at + 1)], &salts[half * at..half * (at + 1)]);
    Context::new(key, salt, profile.1, None, None, provider.crypto()).unwrap()
}

fn sides(profile: Profile) -> ((Sealer, Opener), (Sealer, Opener)) {
    (client(profile, &material(profile)).unwrap(), server(profile, &material(profile)).unwrap())
}

fn packet(sequence: u16, payload: &[u8]) -> Vec<u8> {
    let [s0, s1] = sequence.to_be_bytes();
    let mut packet = vec![0x90, 0x60, s0, s1, 0, 0, 0, 3, 1, 2, 3, 4, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0];
    packet.extend(payload);
    packet
}

fn sealed(sealer: &Sealer, packet: &[u8], index: u64) -> Vec<u8> {
    let header = Header::read(packet).unwrap();
    let mut sealed = packet[..header.length].to_vec();
    sealed.resize(packet.len() + sealer.tag(), 0);
    let payload = &packet[header.length..];
    let parts = payload.split_at(payload.len() / 2);
    // The second part is for padding, which the cipher takes only in small pieces.
    let parts = if parts.1.len() <= 16 { [parts.0, parts.1] } else { [payload, &[]] };
    sealer.seal(&mut sealed, header.length, parts, header.ssrc, index).unwrap();
    sealed
}

#[test]
fn media_is_sealed_as_others_seal_it() {
    for profile in PROFILES {
        let ((sealer, _), (_, mut opener)) = sides(profile.0);
        let (mut theirs, mut reading) = (other(profile, true), other(profile, true));
        // Across a round of the sequence numbers.
        for index in 65_530_u64..65_550 {
            let sequence = u16::try_from(index & 0xffff).unwrap();
            let plain = packet(sequence, &vec![7; usize::try_from(index % 60).unwrap()]);
            let ours = sealed(&sealer, &plain, index);
            assert_eq!(theirs.encrypt_rtp(&plain).unwrap(), ours, "{profile:?} {index}");
            assert_eq!(reading.decrypt_rtp(&ours).unwrap(), Bytes::from(plain.clone()));
            let mut opened = ours;
            let header = Header::read(&opened).unwrap();
            let got = opener.open(&mut opened, header.length, header.ssrc, header.sequence).unwrap();
            assert_eq!(got, (index, plain.len()));
            assert_eq!(opened[..plain.len()], plain);
        }
    }
}

#[test]
fn reports_are_sealed_as_others_seal_them() {
    for profile in PROFILES {
        let ((mut sealer, _), (_, mut opener)) = sides(profile.0);
        let mut theirs = other(profile, true);
        let plain = [&[0x80, 201, 0, 1, 9, 9, 9, 9][..], &[0x81, 206, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2]].concat();
        for _ in 0..3 {
            let mut ours = plain.clone();
            sealer.seal_reports(&mut ours).unwrap();
            let opened = other(profile, true).decrypt_rtcp(&ours).unwrap();
            assert_eq!(opened, Bytes::from(plain.clone()), "{profile:?}");
            let mut of_theirs = theirs.encrypt_rtcp(&plain).unwrap().to_vec();
            let length = opener.open_reports(&mut of_theirs).unwrap();
            assert_eq!(of_theirs[..length], plain, "{profile:?}");
        }
    }
}

#[test]
fn what_was_altered_repeated_or_cut_is_refused() {
    for (profile, _) in PROFILES {
        let ((mut sealer, _), (_, mut opener)) = sides(profile);
        let good = sealed(&sealer, &packet(5, b"hello"), 5);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let Some(header) = Header::read(&bad) else { continue };
            let opened = opener.open(&mut bad, header.length, header.ssrc, header.sequence);
            assert!(matches!(opened, Err(SrtpError::WrongTag | SrtpError::Malformed)), "{at}: {opened:?}");
            let mut short = good[..at].to_vec();
            let Some(header) = Header::read(&short) else { continue };
            assert!(opener.open(&mut short, header.length, header.ssrc, header.sequence).is_err());
        }
        let header = Header::read(&good).unwrap();
        let mut open =
            |mut packet: Vec<u8>| opener.open(&mut packet, header.length, header.ssrc, header.sequence);
        assert!(open(good.clone()).is_ok());
        assert_eq!(open(good), Err(SrtpError::Replayed));
        let mut report = vec![0x80, 201, 0, 1, 9, 9, 9, 9];
        sealer.seal_reports(&mut report).unwrap();
        for at in 0..report.len() {
            let mut bad = report.clone();
            bad[at] ^= 1;
            assert!(opener.open_reports(&mut bad).is_err(), "{at}");
            assert!(opener.open_reports(&mut report[..at].to_vec()).is_err(), "{at}");
        }
        assert!(opener.open_reports(&mut report.clone()).is_ok());
        assert_eq!(opener.open_reports(&mut report), Err(SrtpError::Replayed));
    }
}

#[test]
fn a_peer_has_so_many_sources_and_no_more() {
    let ((sealer, _), (_, mut opener)) = sides(Profile::Aes128Gcm);
    let mut send = |ssrc: u32, forged: bool| {
        let mut plain = packet(1, b"x");
        plain[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let mut sealed = sealed(&sealer, &plain, 1);
        let last = sealed.len() - 1;
        sealed[last] ^= u8::from(forged);
        opener.open(&mut sealed, 20, ssrc, 1)
    };
    for ssrc in 0..1_000 {
        assert_eq!(send(ssrc, true), Err(SrtpError::WrongTag), "what is forged takes no place");
    }
    for ssrc in 0..16 {
        assert!(send(ssrc, false).is_ok());
    }
    assert_eq!(send(16, false), Err(SrtpError::TooManySources));
}

proptest! {
    #[test]
    fn nothing_that_comes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (profile, _) in PROFILES {
            let (_, (_, mut opener)) = sides(profile);
            let mut packet = bytes.clone();
            if let Some(header) = Header::read(&packet) {
                let opened = opener.open(&mut packet, header.length, header.ssrc, header.sequence);
                prop_assert!(opened.is_err());
            }
            prop_assert!(opener.open_reports(&mut bytes.clone()).is_err());
        }
    }
}
