//! The grammar of a whole description (RFC 8866 section 9).

use super::attribute::Attribute;
use super::line::{Line, lines};
use super::refusal::Refusal;

/// Media sections that a description may have.
const MAX_SECTIONS: usize = 16;

/// A description, taken apart.
#[derive(Debug)]
pub(super) struct Session<'t> {
    pub(super) attributes: Vec<Attribute<'t>>,
    pub(super) sections: Vec<Section<'t>>,
}

/// A media section.
#[derive(Debug)]
pub(super) struct Section<'t> {
    /// Where its `m=` stands.
    pub(super) line: usize,
    pub(super) media: &'t str,
    pub(super) port: u16,
    pub(super) protocol: &'t str,
    pub(super) formats: Vec<&'t str>,
    pub(super) attributes: Vec<Attribute<'t>>,
}

impl<'t> Session<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, Refusal> {
        let lines = lines(text)?;
        let first_section = lines.iter().position(|line| line.kind == 'm').unwrap_or(lines.len());
        let (head, sections) = lines.split_at_checked(first_section).unwrap_or((&lines, &[]));
        check_head(head)?;
        let attributes = head.iter().filter(|line| line.kind == 'a').map(|line| Attribute::of(*line));
        Ok(Self { attributes: attributes.collect(), sections: read_sections(sections)? })
    }
}

/// The order of the lines before the first media section: none stands before one of a smaller rank.
fn rank(kind: char) -> Option<usize> {
    const ORDER: [&str; 13] = ["v", "o", "s", "i", "u", "e", "p", "c", "b", "tr", "z", "k", "a"];
    ORDER.iter().position(|kinds| kinds.contains(kind))
}

fn check_head(head: &[Line<'_>]) -> Result<(), Refusal> {
    let mut last = 0;
    for (index, line) in head.iter().enumerate() {
        let rank = rank(line.kind).filter(|rank| *rank >= last);
        let unexpected = || {
            Refusal::malformed(line.number, "the lines are v o s [i u e p c b] t [r z k] a, in this order")
        };
        last = rank.ok_or_else(unexpected)?;
        // Each of the first three comes, once.
        if index < 3 && last != index || index >= 3 && last < 3 {
            return Err(unexpected());
        }
    }
    let version = head.first().ok_or_else(|| Refusal::whole("the first line is v=0"))?;
    if version.value != "0" {
        return Err(Refusal::malformed(version.number, "the first line is v=0"));
    }
    let origin = head.get(1).ok_or_else(|| Refusal::whole("the second line is o="))?;
    if origin.value.split(' ').filter(|part| !part.is_empty()).count() != 6 {
        return Err(Refusal::malformed(
            origin.number,
            "o= has six parts: user name, session, version, IN, IP4 or IP6, address",
        ));
    }
    if head.iter().any(|line| line.kind == 't') {
        return Ok(());
    }
    Err(Refusal::whole("a line t= is needed before the first media section"))
}

/// Media sections; `lines` begin with `m=`, if there are any.
pub(super) fn read_sections<'t>(lines: &[Line<'t>]) -> Result<Vec<Section<'t>>, Refusal> {
    let mut sections: Vec<Section<'t>> = Vec::new();
    for line in lines {
        if line.kind == 'm' {
            if sections.len() >= MAX_SECTIONS {
                return Err(Refusal::malformed(line.number, "at most 16 media sections"));
            }
            sections.push(read_section(*line)?);
        } else if !"icbka".contains(line.kind) {
            return Err(Refusal::malformed(line.number, "a media section has the lines m, i, c, b, k and a"));
        } else if let Some(section) = sections.last_mut().filter(|_| line.kind == 'a') {
            section.attributes.push(Attribute::of(*line));
        }
    }
    Ok(sections)
}

fn read_section(line: Line<'_>) -> Result<Section<'_>, Refusal> {
    let malformed =
        || Refusal::malformed(line.number, "m= has a kind of media, a port, a protocol and formats");
    let mut parts = line.value.split(' ').filter(|part| !part.is_empty());
    let media = parts.next().ok_or_else(malformed)?;
    let port = parts.next().and_then(|port| port.parse().ok()).ok_or_else(malformed)?;
    let protocol = parts.next().ok_or_else(malformed)?;
    let formats: Vec<&str> = parts.collect();
    if formats.is_empty() {
        return Err(malformed());
    }
    Ok(Section { line: line.number, media, port, protocol, formats, attributes: Vec::new() })
}
