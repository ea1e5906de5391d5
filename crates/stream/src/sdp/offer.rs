//! An offer, read.

use super::attribute::Attribute;
use super::media::Media;
use super::refusal::Refusal;
use super::session::Session;
use super::transport::{Setup, Transport};
use crate::Kind;

/// An offer that can be answered, as far as it can be told without knowing what is wanted of it: one transport for all
/// its media, which is sound and pictures, one of each at most.
#[derive(Debug, Clone)]
pub struct Offer {
    pub(super) media: Vec<Media>,
    pub(super) transport: Transport,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// The line or the rule that it breaks.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let offer = read(text)?;
        if offer.transport.setup == Setup::Passive {
            return Err(Refusal::unsupported(None, "a=setup of an offer is actpass or active"));
        }
        Ok(offer)
    }

    /// The sections that the offerer wants something of.
    pub(super) fn open(&self) -> impl Iterator<Item = &Media> {
        self.media.iter().filter(|media| !media.disabled)
    }
}

/// Reads an offer, or an answer to one of ours.
pub(super) fn read(text: &str) -> Result<Offer, Refusal> {
    let session = Session::read(text)?;
    let media = session.sections.iter().map(Media::read).collect::<Result<Vec<_>, _>>()?;
    let bundle = check_bundle(&session.attributes, &media)?;
    for kind in [Kind::Audio, Kind::Video] {
        if let Some(second) = media.iter().filter(|media| !media.disabled && media.kind == kind).nth(1) {
            let rule = "at most one media section of audio, and one of video";
            return Err(Refusal::unsupported(Some(second.line), rule));
        }
    }
    let tagged =
        media.iter().position(|media| !media.disabled && bundle.first() == Some(&media.mid.as_str()));
    let tagged = tagged.and_then(|tagged| session.sections.get(tagged));
    let section = tagged.ok_or_else(|| {
        Refusal::malformed(1, "the first name in a=group:BUNDLE is that of a section that is not disabled")
    })?;
    // The others' are not looked at (RFC 9143 section 7.1.3).
    let transport = Transport::read(section.line, &section.attributes, &session.attributes)?;
    Ok(Offer { media, transport })
}

/// Every section that is not disabled belongs to one group, and no two have one name.
fn check_bundle<'t>(session: &[Attribute<'t>], media: &[Media]) -> Result<Vec<&'t str>, Refusal> {
    let bundle = session.iter().find_map(|attribute| {
        let names = attribute.value.strip_prefix("BUNDLE").filter(|_| attribute.name == "group")?;
        Some(names.split(' ').filter(|name| !name.is_empty()).collect::<Vec<_>>())
    });
    for (index, one) in media.iter().enumerate() {
        if media.iter().skip(index + 1).any(|other| other.mid == one.mid) {
            return Err(Refusal::malformed(one.line, "each a=mid is another"));
        }
    }
    let bundle = bundle.ok_or_else(|| Refusal::unsupported(None, "a=group:BUNDLE is needed"))?;
    match media.iter().find(|media| !media.disabled && !bundle.contains(&media.mid.as_str())) {
        Some(alone) => Err(Refusal::unsupported(Some(alone.line), "every section belongs to a=group:BUNDLE")),
        None => Ok(bundle),
    }
}
