//! The sources that a publisher says it will send as (RFC 5576).

use super::attribute::Attribute;
use super::refusal::Refusal;

/// A source, and that of its retransmissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) ssrc: Option<u32>,
    pub(super) rtx: Option<u32>,
}

/// The source of a section. Of several layers it is the first.
pub(super) fn read(attributes: &[Attribute<'_>]) -> Result<Source, Refusal> {
    let mut named = None;
    let mut layers = None;
    let mut repairs: Vec<(u32, u32)> = Vec::new();
    for attribute in attributes {
        let malformed = |_none| Refusal::malformed(attribute.line, "a source is a number of 32 bits");
        let mut parts = attribute.value.split(' ').filter(|part| !part.is_empty());
        let first = parts.next().unwrap_or_default();
        match (attribute.name, first) {
            ("ssrc", number) => {
                let number = number.parse::<u32>().map_err(malformed)?;
                named.get_or_insert(number);
            }
            ("ssrc-group", "SIM" | "FID") => {
                let numbers = parts.map(str::parse).collect::<Result<Vec<u32>, _>>().map_err(malformed)?;
                match (first, numbers.as_slice()) {
                    ("SIM", [base, ..]) => layers = layers.or(Some(*base)),
                    ("FID", [media, repair]) => repairs.push((*media, *repair)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let ssrc = layers.or_else(|| repairs.first().map(|(media, _)| *media)).or(named);
    let rtx = repairs.iter().find(|(media, _)| Some(*media) == ssrc).map(|(_, repair)| *repair);
    Ok(Source { ssrc, rtx })
}
