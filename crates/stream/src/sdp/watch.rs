//! What a viewer offers, and what of what is live it gets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use veza_core::Random;

use super::compatible::{Fit, fit};
use super::extmap::kept;
use super::format::{Format, retransmission};
use super::media::{Direction, Media};
use super::offer::Offer;
use super::publish::{agreed, check_numbers};
use super::refusal::Refusal;
use crate::{Agreed, Credentials, Extension, Track};

/// An offer to watch that is served.
#[derive(Debug, Clone)]
pub struct Watching {
    pub(super) offer: Offer,
    /// The tracks that are sent, in the order of the offer's sections.
    pub tracks: Vec<Track>,
    /// Which of the live tracks each of them shows.
    pub shows: Vec<usize>,
    pub(super) names: Names,
}

/// What a viewer knows our sending by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// One for all sources of a participant (RFC 7022).
    pub(super) cname: String,
    /// The one stream that all tracks belong to (RFC 8830).
    pub(super) stream: String,
}

/// Sources of one viewer: numbers of 32 bits that nobody else knows.
pub(super) struct Ssrcs<'r> {
    random: &'r dyn Random,
    given: Vec<u32>,
}

impl Names {
    pub(super) fn generate(random: &dyn Random) -> Self {
        let text = || BASE64.encode(veza_core::bytes::<9>(random));
        Self { cname: text(), stream: text() }
    }
}

impl<'r> Ssrcs<'r> {
    pub(super) fn new(random: &'r dyn Random) -> Self {
        Self { random, given: Vec::new() }
    }

    /// One that is not given yet. With a source of randomness that repeats itself it counts on.
    pub(super) fn next(&mut self) -> u32 {
        let mut ssrc = u32::from_be_bytes(veza_core::bytes::<4>(self.random));
        while ssrc == 0 || self.given.contains(&ssrc) {
            ssrc = ssrc.wrapping_add(1);
        }
        self.given.push(ssrc);
        ssrc
    }
}

impl Offer {
    /// Takes it as a viewer's, of the `live` tracks. A kind that is not live is left out; a live one for which the offer
    /// has no codec makes it one that is refused.
    ///
    /// # Errors
    /// The line or the rule that it breaks; [`RefusalKind::Incompatible`](super::RefusalKind::Incompatible) when our own
    /// offer may do better.
    pub fn watch(self, live: &[Track], random: &dyn Random) -> Result<Watching, Refusal> {
        let (mut tracks, mut shows, mut ssrcs) = (Vec::new(), Vec::new(), Ssrcs::new(random));
        for media in self.open() {
            if !matches!(media.direction, Direction::RecvOnly | Direction::SendRecv) {
                let rule = "a viewer's section is recvonly or sendrecv";
                return Err(Refusal::unsupported(Some(media.line), rule));
            }
            let of_kind = live.iter().enumerate().find(|(_, track)| track.codec.kind() == media.kind);
            if let Some((index, source)) = of_kind {
                tracks.push(track(media, source, &mut ssrcs)?);
                shows.push(index);
            }
        }
        if tracks.is_empty() {
            return Err(Refusal::incompatible(1, "nothing of what is live is of a kind that is offered"));
        }
        check_numbers(&tracks)?;
        Ok(Watching { offer: self, tracks, shows, names: Names::generate(random) })
    }
}

impl Watching {
    /// What the data plane has to know, with our side's credentials.
    pub fn agreed(&self, local: Credentials) -> Agreed {
        agreed(&self.offer, &self.tracks, local)
    }
}

fn track(media: &Media, source: &Track, ssrcs: &mut Ssrcs<'_>) -> Result<Track, Refusal> {
    let fitting = |format: &&Format| -> Option<Fit> {
        let codec = format.codec().filter(|codec| *codec == source.codec)?;
        fit(codec, source.format.as_deref(), format.parameters.as_deref())
    };
    let candidates = media.formats.iter().filter_map(|format| Some((fitting(&format)?, format)));
    // The first of the best: `max_by_key` would give the last.
    let best = candidates.reduce(|best, other| if other.0 > best.0 { other } else { best });
    let (_, format) = best.ok_or_else(|| {
        let parameters = source.format.as_deref().unwrap_or("no parameters");
        let rule = format!("what is live is {} with {parameters}, which is not offered", source.codec.name());
        Refusal::incompatible(media.line, rule)
    })?;
    let extensions = kept(&media.extensions, |extension| is_sent(extension, source));
    let mut feedback = format.feedback;
    feedback.transport_cc &= extensions.id(Extension::TransportCc).is_some();
    let rtx_payload_type = retransmission(&media.formats, format.payload_type).filter(|_| feedback.nack);
    Ok(Track {
        mid: media.mid.clone(),
        codec: source.codec,
        format: format.parameters.clone(),
        payload_type: format.payload_type,
        rtx_payload_type,
        ssrc: Some(ssrcs.next()),
        rtx_ssrc: rtx_payload_type.map(|_| ssrcs.next()),
        extensions,
        feedback,
    })
}

/// What is written to viewers: our own, and what the publisher sends to be passed on.
pub(super) fn is_sent(extension: Extension, source: &Track) -> bool {
    match extension {
        Extension::TransportCc | Extension::AbsSendTime => true,
        passed_on => passed_on.is_passed_on() && source.extensions.id(passed_on).is_some(),
    }
}
