//! Fragments about ICE alone (`application/trickle-ice-sdpfrag`, RFC 8840 section 9).

use super::answer::Local;
use super::attribute::{Attribute, first, has};
use super::line::lines;
use super::refusal::Refusal;
use super::session::read_sections;
use super::transport::credentials;
use super::write::{Text, kind};
use crate::{Credentials, Track};

/// What a peer tells of ICE after its offer. Its candidates are not kept: it checks ours, and where its checks come from
/// is where it is (RFC 8445 section 2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The user name and password that it is about. Others than before restart ICE.
    pub credentials: Option<Credentials>,
    /// How many candidates it has.
    pub candidates: usize,
}

impl Fragment {
    /// Reads a fragment.
    ///
    /// # Errors
    /// The line or the rule that it breaks.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let lines = lines(text)?;
        let first_section = lines.iter().position(|line| line.kind == 'm').unwrap_or(lines.len());
        let (head, rest) = lines.split_at_checked(first_section).unwrap_or((&lines, &[]));
        if let Some(other) = head.iter().find(|line| line.kind != 'a') {
            return Err(Refusal::malformed(other.number, "a fragment has lines a= and m="));
        }
        let session: Vec<Attribute<'_>> = head.iter().map(|line| Attribute::of(*line)).collect();
        let sections = read_sections(rest)?;
        let levels = || std::iter::once(&session).chain(sections.iter().map(|section| &section.attributes));
        let about_ice = |level: &Vec<Attribute<'_>>| {
            ["ice-ufrag", "ice-pwd", "candidate", "end-of-candidates"].iter().any(|name| has(level, name))
        };
        if !levels().any(about_ice) {
            return Err(Refusal::whole("a fragment has credentials or candidates"));
        }
        let mut candidates = 0;
        for candidate in levels().flatten().filter(|attribute| attribute.name == "candidate") {
            check_candidate(candidate)?;
            candidates += 1;
        }
        let named = levels().find(|level| has(level, "ice-ufrag") || has(level, "ice-pwd"));
        let credentials = named.map(|level| {
            let line = level.first().map_or(1, |attribute| attribute.line);
            credentials(line, first(level, "ice-ufrag"), first(level, "ice-pwd"))
        });
        Ok(Self { credentials: credentials.transpose()?, candidates })
    }

    /// What a restart is answered with.
    pub fn answer(local: &Local, tracks: &[Track]) -> String {
        let mut text = Text::default();
        text.line(format_args!("a=ice-lite"));
        text.line(format_args!("a=ice-options:trickle"));
        let group = tracks.iter().fold("a=group:BUNDLE".to_owned(), |group, track| group + " " + &track.mid);
        text.line(format_args!("{group}"));
        if let Some(track) = tracks.first() {
            let media = kind(track.codec.kind());
            text.line(format_args!("m={media} 9 UDP/TLS/RTP/SAVPF {}", track.payload_type));
            text.line(format_args!("a=mid:{}", track.mid));
        }
        text.credentials(&local.credentials);
        text.candidates(local);
        text.finish()
    }
}

/// The form of a candidate (RFC 8839 section 5.1). Its address may be a name, and its transport unknown.
fn check_candidate(candidate: &Attribute<'_>) -> Result<(), Refusal> {
    let parts: Vec<&str> = candidate.value.split(' ').filter(|part| !part.is_empty()).collect();
    let holds = match parts.as_slice() {
        [_foundation, component, _transport, priority, _address, port, "typ", _kind, ..] => {
            component.parse::<u16>().is_ok() && priority.parse::<u32>().is_ok() && port.parse::<u16>().is_ok()
        }
        _ => false,
    };
    let rule = "a=candidate has foundation, component, transport, priority, address, port, typ and a type";
    if holds { Ok(()) } else { Err(Refusal::malformed(candidate.line, rule)) }
}
