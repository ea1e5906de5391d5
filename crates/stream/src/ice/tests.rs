//! Against another implementation of the same.

use std::net::SocketAddr;

use proptest::prelude::*;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter};
use rtc_stun::xoraddr::XorMappedAddress;

use super::{Binding, refuse, succeed};

const PWD: &str = "a password of ours";

/// A request as a browser makes it.
pub(crate) fn request(user: &str, pwd: &str, nominates: bool, leads: bool) -> Vec<u8> {
    let provider = rtc_crypto::default_provider().unwrap();
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    message.new_transaction_id().unwrap();
    message.write_header();
    message.add(ATTR_USERNAME, user.as_bytes());
    message.add(if leads { ATTR_ICE_CONTROLLING } else { ATTR_ICE_CONTROLLED }, &[1; 8]);
    if nominates {
        message.add(ATTR_USE_CANDIDATE, &[]);
    }
    message.add(ATTR_PRIORITY, &[1; 4]);
    let key = pwd.to_owned();
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(key, provider.crypto());
    integrity.add_to(&mut message).unwrap();
    FINGERPRINT.add_to(&mut message).unwrap();
    message.raw
}

fn read(bytes: &[u8]) -> Message {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).unwrap();
    let provider = rtc_crypto::default_provider().unwrap();
    FINGERPRINT.check(&message).unwrap();
    MessageIntegrity::check(&mut message, PWD.as_bytes(), provider.crypto()).unwrap();
    message
}

#[test]
fn a_request_of_another_implementation_is_understood() {
    let bytes = request("ours:theirs", PWD, true, true);
    let binding = Binding::read(&bytes).unwrap();
    assert_eq!((binding.to, binding.from), ("ours", "theirs"));
    assert!(binding.nominates && !binding.controlled);
    assert!(binding.is_signed_with(PWD));
    assert!(!binding.is_signed_with("another"));
    let bytes = request("ours:theirs", PWD, false, false);
    let binding = Binding::read(&bytes).unwrap();
    assert!(!binding.nominates && binding.controlled);
}

#[test]
fn our_answers_are_understood_by_another_implementation() {
    let bytes = request("ours:theirs", PWD, true, true);
    let binding = Binding::read(&bytes).unwrap();
    for seen in ["192.0.2.7:4321", "[2001:db8::7]:4321"] {
        let seen: SocketAddr = seen.parse().unwrap();
        let message = read(&succeed(&binding, seen, PWD));
        assert_eq!(message.typ, BINDING_SUCCESS);
        assert_eq!(message.transaction_id.0, binding.transaction);
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&message).unwrap();
        assert_eq!((mapped.ip, mapped.port), (seen.ip(), seen.port()));
    }
    let message = read(&refuse(&binding, 487, "Role Conflict", PWD));
    assert_eq!(message.typ, BINDING_ERROR);
    let mut code = ErrorCodeAttribute::default();
    code.get_from(&message).unwrap();
    assert_eq!(code.code.0, 487);
}

#[test]
fn what_was_altered_or_cut_is_refused() {
    let good = request("ours:theirs", PWD, true, true);
    // Behind the integrity stands the checksum, which we leave to who has no other way to tell.
    let covered = good.len() - 8;
    for at in 0..covered {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let taken = Binding::read(&bad).is_some_and(|binding| binding.is_signed_with(PWD));
        assert!(!taken, "{at}");
        assert!(Binding::read(&good[..at]).is_none(), "{at}");
    }
    assert!(Binding::read(&request("nobody", PWD, true, true)).is_none());
}

proptest! {
    #[test]
    fn nothing_that_comes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Binding::read(&bytes).is_none());
    }

    #[test]
    fn nothing_that_looks_right_panics(at in 0_usize..100, byte: u8, more in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = request("ours:theirs", PWD, true, true);
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.splice(at..at, more);
        if let Some(binding) = Binding::read(&bytes) {
            succeed(&binding, "192.0.2.7:4321".parse().unwrap(), PWD);
        }
    }
}
