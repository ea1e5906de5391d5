//! A media section, as far as offer and answer are about it.

use super::attribute::{first, has};
use super::extmap;
use super::format::{self, Format};
use super::refusal::Refusal;
use super::session::Section;
use super::source::{self, Source};
use crate::{ExtensionMap, Kind};

/// Which way media flows (RFC 3264 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// A section of sound or pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    /// Where it begins.
    pub(super) line: usize,
    pub(super) kind: Kind,
    pub(super) mid: String,
    /// Whether the offerer wants nothing of it any more: port 0 without `a=bundle-only`.
    pub(super) disabled: bool,
    pub(super) direction: Direction,
    pub(super) protocol: String,
    pub(super) formats: Vec<Format>,
    pub(super) extensions: ExtensionMap,
    pub(super) source: Source,
    pub(super) reduced_size: bool,
}

impl Media {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, Refusal> {
        let kind = match section.media {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            _ => {
                return Err(Refusal::unsupported(
                    Some(section.line),
                    "media sections are of audio and video",
                ));
            }
        };
        if !["UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"].contains(&section.protocol) {
            return Err(Refusal::unsupported(Some(section.line), "the protocol is UDP/TLS/RTP/SAVPF"));
        }
        let disabled = section.port == 0 && !has(&section.attributes, "bundle-only");
        if !disabled && !has(&section.attributes, "rtcp-mux") {
            return Err(Refusal::unsupported(Some(section.line), "a=rtcp-mux is needed"));
        }
        Ok(Self {
            line: section.line,
            kind,
            mid: mid(section)?,
            disabled,
            direction: direction(section),
            protocol: section.protocol.to_owned(),
            formats: format::read(section)?,
            extensions: extmap::read(&section.attributes)?,
            source: source::read(&section.attributes)?,
            reduced_size: has(&section.attributes, "rtcp-rsize"),
        })
    }
}

/// `a=mid` is a token (RFC 5888); one that fits into a header extension.
fn mid(section: &Section<'_>) -> Result<String, Refusal> {
    let mid = first(&section.attributes, "mid")
        .ok_or_else(|| Refusal::malformed(section.line, "a=mid is needed"))?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    if (1..=16).contains(&mid.value.len()) && mid.value.bytes().all(token) {
        return Ok(mid.value.to_owned());
    }
    Err(Refusal::malformed(mid.line, "a=mid is a token of 1 to 16 characters"))
}

fn direction(section: &Section<'_>) -> Direction {
    let found = section.attributes.iter().find_map(|attribute| match attribute.name {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    });
    found.unwrap_or(Direction::SendRecv)
}
