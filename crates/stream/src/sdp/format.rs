//! The formats of a media section: `a=rtpmap`, `a=fmtp` and `a=rtcp-fb` of each.

use super::attribute::Attribute;
use super::refusal::Refusal;
use super::session::Section;
use crate::{Codec, Feedback, Kind};

/// A format that a peer offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    pub(super) encoding: Encoding,
    /// `a=fmtp`, as it stands.
    pub(super) parameters: Option<String>,
    pub(super) feedback: Feedback,
}

/// What a format is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Media.
    Media(Codec),
    /// Retransmissions (RFC 4588).
    Retransmission,
    /// Anything else.
    Unknown,
}

/// The formats of a section, in the offerer's order.
pub(super) fn read(section: &Section<'_>) -> Result<Vec<Format>, Refusal> {
    let mut formats: Vec<Format> = Vec::new();
    for text in &section.formats {
        let payload_type: Option<u8> = text.parse().ok().filter(|number| *number < 128);
        let known = |number| formats.iter().any(|format| format.payload_type == number);
        let payload_type = payload_type
            .filter(|number| !known(*number))
            .ok_or_else(|| Refusal::malformed(section.line, "formats are different numbers from 0 to 127"))?;
        let of_old = Codec::ALL.into_iter().find(|codec| codec.static_payload_type() == Some(payload_type));
        let encoding = of_old.map_or(Encoding::Unknown, Encoding::Media);
        formats.push(Format { payload_type, encoding, parameters: None, feedback: Feedback::default() });
    }
    for attribute in &section.attributes {
        match attribute.name {
            "rtpmap" => map(attribute, &mut formats)?,
            "fmtp" => parameters(attribute, &mut formats)?,
            "rtcp-fb" => feedback(attribute, &mut formats)?,
            _ => {}
        }
    }
    let kind = match section.media {
        "audio" => Kind::Audio,
        _ => Kind::Video,
    };
    for format in &mut formats {
        if matches!(format.encoding, Encoding::Media(codec) if codec.kind() != kind) {
            format.encoding = Encoding::Unknown;
        }
    }
    Ok(formats)
}

/// The payload type that an attribute begins with, and the rest.
fn numbered<'t>(attribute: &Attribute<'t>, rule: &'static str) -> Result<(u8, &'t str), Refusal> {
    let parts = attribute.value.split_once(' ');
    let parts = parts.and_then(|(number, rest)| Some((number.parse().ok()?, rest.trim())));
    parts.ok_or_else(|| Refusal::malformed(attribute.line, rule))
}

fn of(formats: &mut [Format], payload_type: u8) -> Option<&mut Format> {
    formats.iter_mut().find(|format| format.payload_type == payload_type)
}

fn map(attribute: &Attribute<'_>, formats: &mut [Format]) -> Result<(), Refusal> {
    const RULE: &str = "a=rtpmap has a payload type, and name/clock[/channels]";
    let (number, encoding) = numbered(attribute, RULE)?;
    let mut parts = encoding.split('/');
    let malformed = || Refusal::malformed(attribute.line, RULE);
    let name = parts.next().filter(|name| !name.is_empty()).ok_or_else(malformed)?;
    let clock: u32 = parts.next().and_then(|clock| clock.parse().ok()).ok_or_else(malformed)?;
    let channels: u8 = match parts.next() {
        Some(channels) => channels.parse().map_err(|_no_number| malformed())?,
        None => 1,
    };
    if let Some(format) = of(formats, number) {
        let fits = |codec: &Codec| {
            codec.clock_rate() == clock && codec.channels().is_none_or(|expected| expected == channels)
        };
        format.encoding = match Codec::of_name(name).filter(fits) {
            Some(codec) => Encoding::Media(codec),
            None if name.eq_ignore_ascii_case("rtx") => Encoding::Retransmission,
            None => Encoding::Unknown,
        };
    }
    Ok(())
}

fn parameters(attribute: &Attribute<'_>, formats: &mut [Format]) -> Result<(), Refusal> {
    let (number, text) = numbered(attribute, "a=fmtp has a payload type and parameters")?;
    if let Some(format) = of(formats, number) {
        format.parameters = Some(text.to_owned());
    }
    Ok(())
}

fn feedback(attribute: &Attribute<'_>, formats: &mut [Format]) -> Result<(), Refusal> {
    const RULE: &str = "a=rtcp-fb has a payload type or *, and a kind of feedback";
    let (number, what) =
        attribute.value.split_once(' ').ok_or_else(|| Refusal::malformed(attribute.line, RULE))?;
    let wanted: Option<u8> = match number {
        "*" => None,
        number => Some(number.parse().map_err(|_no_number| Refusal::malformed(attribute.line, RULE))?),
    };
    for format in
        formats.iter_mut().filter(|format| wanted.is_none_or(|wanted| wanted == format.payload_type))
    {
        match what.trim() {
            "nack" => format.feedback.nack = true,
            "nack pli" => format.feedback.pli = true,
            "ccm fir" => format.feedback.fir = true,
            "transport-cc" => format.feedback.transport_cc = true,
            _ => {}
        }
    }
    Ok(())
}

impl Format {
    /// The codec, when it is one of ours.
    pub(super) fn codec(&self) -> Option<Codec> {
        match self.encoding {
            Encoding::Media(codec) => Some(codec),
            _ => None,
        }
    }
}

/// The format of retransmissions of `payload_type`: `apt=` names it (RFC 4588 section 8.1).
pub(super) fn retransmission(formats: &[Format], payload_type: u8) -> Option<u8> {
    let names = |format: &&Format| {
        let apt = format.parameters.as_deref().and_then(|text| parameter(text, "apt"));
        format.encoding == Encoding::Retransmission
            && apt.and_then(|apt| apt.parse().ok()) == Some(payload_type)
    };
    formats.iter().find(names).map(|format| format.payload_type)
}

/// A parameter of `a=fmtp`.
pub(super) fn parameter<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}
