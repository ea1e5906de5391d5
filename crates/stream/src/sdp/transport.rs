//! What a description says of its one transport: ICE (RFC 8839) and DTLS (RFC 8842, RFC 8122).

use super::attribute::{Attribute, first};
use super::refusal::Refusal;
use crate::{Credentials, Fingerprint};

/// Fingerprints that are looked at.
const MAX_FINGERPRINTS: usize = 8;

/// Who begins the handshake (RFC 8842 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// Either may.
    Actpass,
    /// The peer does.
    Active,
    /// We would have to.
    Passive,
}

/// The transport of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transport {
    pub(super) credentials: Credentials,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) setup: Setup,
}

impl Transport {
    /// Reads it out of a media section, for which `session` stands in. `line` is where the section begins.
    pub(super) fn read(
        line: usize,
        section: &[Attribute<'_>],
        session: &[Attribute<'_>],
    ) -> Result<Self, Refusal> {
        let find = |name| first(section, name).or_else(|| first(session, name));
        let credentials = credentials(line, find("ice-ufrag"), find("ice-pwd"))?;
        let setup = find("setup").ok_or_else(|| Refusal::malformed(line, "a=setup is needed"))?;
        let setup = match setup.value {
            "actpass" => Setup::Actpass,
            "active" => Setup::Active,
            "passive" => Setup::Passive,
            _ => return Err(Refusal::malformed(setup.line, "a=setup is actpass, active or passive")),
        };
        // Those of the section are in place of the session's, not beside them (RFC 8122 section 5).
        let level = if first(section, "fingerprint").is_some() { section } else { session };
        Ok(Self { credentials, fingerprints: fingerprints(line, level)?, setup })
    }
}

/// User name and password (RFC 8839 section 5.4).
pub(super) fn credentials(
    line: usize,
    ufrag: Option<&Attribute<'_>>,
    pwd: Option<&Attribute<'_>>,
) -> Result<Credentials, Refusal> {
    let is_ice = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
    let ufrag = ufrag.ok_or_else(|| Refusal::malformed(line, "a=ice-ufrag is needed"))?;
    let pwd = pwd.ok_or_else(|| Refusal::malformed(line, "a=ice-pwd is needed"))?;
    if !(4..=256).contains(&ufrag.value.len()) || !is_ice(ufrag.value) {
        return Err(Refusal::malformed(ufrag.line, "a=ice-ufrag has 4 to 256 letters, digits, + and /"));
    }
    if !(22..=256).contains(&pwd.value.len()) || !is_ice(pwd.value) {
        return Err(Refusal::malformed(pwd.line, "a=ice-pwd has 22 to 256 letters, digits, + and /"));
    }
    Ok(Credentials { ufrag: ufrag.value.to_owned(), pwd: pwd.value.to_owned() })
}

fn fingerprints(line: usize, level: &[Attribute<'_>]) -> Result<Vec<Fingerprint>, Refusal> {
    let mut found = Vec::new();
    for attribute in level.iter().filter(|attribute| attribute.name == "fingerprint") {
        let (hash, digits) = attribute.value.split_once(' ').unwrap_or_default();
        // One that is made with another hash may stand beside it.
        if !hash.eq_ignore_ascii_case("sha-256") || found.len() >= MAX_FINGERPRINTS {
            continue;
        }
        let fingerprint = fingerprint(digits.trim()).ok_or_else(|| {
            Refusal::malformed(
                attribute.line,
                "a fingerprint of sha-256 has 32 pairs of hexadecimal digits with colons between",
            )
        })?;
        found.push(fingerprint);
    }
    if found.is_empty() {
        return Err(Refusal::unsupported(Some(line), "a=fingerprint:sha-256 is needed"));
    }
    Ok(found)
}

fn fingerprint(digits: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 32];
    let mut pairs = digits.split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Fingerprint(bytes))
}
