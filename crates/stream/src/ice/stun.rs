//! Binding requests and their answers (RFC 8489), read and written where they lie.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, Tag};
use crc_fast::{CrcAlgorithm, checksum};

use crate::agreed::Credentials;

const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const ERROR: u16 = 0x0111;
/// An attribute with its own header: 20 bytes of HMAC-SHA1.
const INTEGRITY_LENGTH: u16 = 24;
const FINGERPRINT_LENGTH: u16 = 8;
/// Of a candidate that was learnt from the peer (RFC 8445 section 5.1.2.1).
const PRIORITY: u32 = (110 << 24) | (65_535 << 8) | 255;
/// What the checksum is mixed with (section 14.7).
const FINGERPRINT_MIX: u32 = 0x5354_554e;

mod attribute {
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const CONTROLLED: u16 = 0x8029;
    pub(super) const CONTROLLING: u16 = 0x802a;
}

/// A request to say whether this is the one that the peer means, and where it is seen from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding<'p> {
    message: &'p [u8],
    pub(super) transaction: [u8; 12],
    /// Whom it is addressed to: `a=ice-ufrag` of ours.
    pub(crate) to: &'p str,
    /// Whom it is of: that of the peer.
    pub(crate) from: &'p str,
    /// The address that it came over shall be used.
    pub(crate) nominates: bool,
    /// The peer says that it is led, as we are.
    pub(crate) controlled: bool,
    /// Where the integrity begins.
    integrity_at: usize,
    integrity: [u8; 20],
}

impl<'p> Binding<'p> {
    /// Reads a request. What is not one, or lacks what ICE puts into each, is none.
    pub(crate) fn read(message: &'p [u8]) -> Option<Self> {
        let (header, mut rest) = message.split_first_chunk::<HEADER>()?;
        let [k0, k1, l0, l1, c0, c1, c2, c3, transaction @ ..] = *header;
        if u16::from_be_bytes([k0, k1]) != REQUEST
            || [c0, c1, c2, c3] != COOKIE
            || usize::from(u16::from_be_bytes([l0, l1])) != rest.len()
        {
            return None;
        }
        let (mut user, mut integrity, mut has_priority) = (None, None, false);
        let (mut nominates, mut controlled) = (false, false);
        let mut at = HEADER;
        while let Some((&[t0, t1, a0, a1], behind)) = rest.split_first_chunk::<4>() {
            let (kind, length) = (u16::from_be_bytes([t0, t1]), usize::from(u16::from_be_bytes([a0, a1])));
            let value = behind.get(..length)?;
            // Behind the integrity nothing counts but the checksum (section 14.5).
            match kind {
                _ if integrity.is_some() => {}
                attribute::USERNAME => user = std::str::from_utf8(value).ok(),
                attribute::INTEGRITY => integrity = Some((at, *value.first_chunk::<20>()?)),
                attribute::PRIORITY => has_priority = true,
                attribute::USE_CANDIDATE => nominates = true,
                attribute::CONTROLLED => controlled = true,
                attribute::CONTROLLING | attribute::FINGERPRINT => {}
                // What has to be understood and is not (section 14).
                0..0x8000 => return None,
                _ => {}
            }
            let padded = length.next_multiple_of(4);
            rest = behind.get(padded..)?;
            at += 4 + padded;
        }
        let ((to, from), (integrity_at, integrity)) = (user?.split_once(':')?, integrity?);
        let whole = has_priority && rest.is_empty();
        whole.then_some(Self {
            message,
            transaction,
            to,
            from,
            nominates,
            controlled,
            integrity_at,
            integrity,
        })
    }

    /// Whether who made it knew the password.
    pub(crate) fn is_signed_with(&self, pwd: &str) -> bool {
        let Some(signed) = self.message.get(..self.integrity_at) else { return false };
        let tag = sign(signed, pwd);
        tag.is_some_and(|tag| verify_slices_are_equal(tag.as_ref(), &self.integrity).is_ok())
    }
}

/// A request of ours: whether the peer is where it says. It is made with the peer's password, as its answer is. Who is
/// "lite" makes none to find a way, and may to see that one is there (RFC 8445 section 2.5, RFC 7675).
pub(crate) fn ask(to: &Credentials, from: &Credentials, transaction: [u8; 12]) -> Vec<u8> {
    let mut request = begin(REQUEST, transaction);
    add(&mut request, attribute::USERNAME, format!("{}:{}", to.ufrag, from.ufrag).as_bytes());
    add(&mut request, attribute::PRIORITY, &PRIORITY.to_be_bytes());
    // Who has the larger number would lead, if both wanted to: we never do.
    add(&mut request, attribute::CONTROLLED, &[0; 8]);
    end(request, &to.pwd)
}

/// Whether a message is the peer's answer to our request, that it got it.
pub(crate) fn answers(message: &[u8], transaction: [u8; 12], pwd: &str) -> bool {
    let read = || {
        let (header, mut rest) = message.split_first_chunk::<HEADER>()?;
        let [k0, k1, _, _, _, _, _, _, answered @ ..] = *header;
        if u16::from_be_bytes([k0, k1]) != SUCCESS || answered != transaction {
            return None;
        }
        let mut at = HEADER;
        while let Some((&[t0, t1, a0, a1], behind)) = rest.split_first_chunk::<4>() {
            if u16::from_be_bytes([t0, t1]) == attribute::INTEGRITY {
                let tag = sign(message.get(..at)?, pwd)?;
                return verify_slices_are_equal(tag.as_ref(), behind.first_chunk::<20>()?).ok();
            }
            let padded = usize::from(u16::from_be_bytes([a0, a1])).next_multiple_of(4);
            rest = behind.get(padded..)?;
            at += 4 + padded;
        }
        None
    };
    read().is_some()
}

/// The answer: the check came from `seen`.
pub(crate) fn succeed(binding: &Binding<'_>, seen: SocketAddr, pwd: &str) -> Vec<u8> {
    let mut answer = begin(SUCCESS, binding.transaction);
    let [c0, c1, c2, c3] = COOKIE;
    let [p0, p1] = seen.port().to_be_bytes();
    let mut value = vec![0, 1, p0 ^ c0, p1 ^ c1];
    match seen.ip() {
        IpAddr::V4(ip) => value.extend(ip.octets().iter().zip(COOKIE).map(|(byte, mix)| byte ^ mix)),
        IpAddr::V6(ip) => {
            if let Some(family) = value.get_mut(1) {
                *family = 2;
            }
            let mix = [c0, c1, c2, c3].into_iter().chain(binding.transaction);
            value.extend(ip.octets().iter().zip(mix).map(|(byte, mix)| byte ^ mix));
        }
    }
    add(&mut answer, attribute::XOR_MAPPED_ADDRESS, &value);
    end(answer, pwd)
}

/// The answer to one that cannot be served, such as 487, a conflict about who leads.
pub(crate) fn refuse(binding: &Binding<'_>, code: u16, reason: &str, pwd: &str) -> Vec<u8> {
    let mut answer = begin(ERROR, binding.transaction);
    let parts = u8::try_from(code / 100).ok().zip(u8::try_from(code % 100).ok()).unwrap_or((5, 0));
    let mut value = vec![0, 0, parts.0, parts.1];
    value.extend(reason.bytes());
    add(&mut answer, attribute::ERROR_CODE, &value);
    end(answer, pwd)
}

fn begin(kind: u16, transaction: [u8; 12]) -> Vec<u8> {
    let mut message = Vec::with_capacity(80);
    message.extend(kind.to_be_bytes());
    message.extend([0, 0]);
    message.extend(COOKIE);
    message.extend(transaction);
    message
}

fn add(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend(value);
    while !message.len().is_multiple_of(4) {
        message.push(0);
    }
}

fn end(mut message: Vec<u8>, pwd: &str) -> Vec<u8> {
    if let Some(tag) = sign(&message, pwd) {
        add(&mut message, attribute::INTEGRITY, tag.as_ref());
    }
    set_length(&mut message, FINGERPRINT_LENGTH);
    let sum = checksum(CrcAlgorithm::Crc32IsoHdlc, &message);
    let sum = u32::try_from(sum).unwrap_or_default() ^ FINGERPRINT_MIX;
    add(&mut message, attribute::FINGERPRINT, &sum.to_be_bytes());
    message
}

/// The length in the header is that of all attributes, up to the one that is being made.
fn length_with(message: &[u8], more: u16) -> [u8; 2] {
    let length = message.len().saturating_sub(HEADER);
    u16::try_from(length).unwrap_or_default().saturating_add(more).to_be_bytes()
}

fn set_length(message: &mut [u8], more: u16) {
    let length = length_with(message, more);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&length);
    }
}

/// HMAC-SHA1 over all that stands before it (section 14.5).
fn sign(message: &[u8], pwd: &str) -> Option<Tag> {
    let mut context = Context::with_key(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes()));
    context.update(message.get(..2)?);
    context.update(&length_with(message, INTEGRITY_LENGTH));
    context.update(message.get(4..)?);
    Some(context.sign())
}
