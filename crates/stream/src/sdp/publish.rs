//! What a publisher offers, and what of it is taken (RFC 9725).

use super::extmap::kept;
use super::format::retransmission;
use super::media::{Direction, Media};
use super::offer::Offer;
use super::refusal::Refusal;
use crate::{Agreed, Codec, Credentials, Extension, Track};

/// An offer to publish that is taken.
#[derive(Debug, Clone)]
pub struct Publishing {
    pub(super) offer: Offer,
    /// The tracks that will be sent.
    pub tracks: Vec<Track>,
}

impl Offer {
    /// Takes it as a publisher's: of each section the first codec, in its order, that is among `allowed`. A section that
    /// cannot be taken makes the whole offer one that is refused (RFC 9725 section 4.4.3).
    ///
    /// # Errors
    /// The line or the rule that it breaks.
    pub fn publish(self, allowed: &[Codec]) -> Result<Publishing, Refusal> {
        let tracks = self.open().map(|media| track(media, allowed)).collect::<Result<Vec<_>, _>>()?;
        check_numbers(&tracks)?;
        Ok(Publishing { offer: self, tracks })
    }
}

impl Publishing {
    /// What the data plane has to know, with our side's credentials.
    pub fn agreed(&self, local: Credentials) -> Agreed {
        agreed(&self.offer, &self.tracks, local)
    }
}

/// The same of any offer.
pub(super) fn agreed(offer: &Offer, tracks: &[Track], local: Credentials) -> Agreed {
    Agreed {
        local,
        remote: offer.transport.credentials.clone(),
        fingerprints: offer.transport.fingerprints.clone(),
        tracks: tracks.to_vec(),
    }
}

fn track(media: &Media, allowed: &[Codec]) -> Result<Track, Refusal> {
    if !matches!(media.direction, Direction::SendOnly | Direction::SendRecv) {
        return Err(Refusal::unsupported(Some(media.line), "a publisher's section is sendonly or sendrecv"));
    }
    let chosen = media.formats.iter().find_map(|format| {
        let codec = format.codec().filter(|codec| allowed.contains(codec))?;
        Some((format, codec))
    });
    let (format, codec) = chosen.ok_or_else(|| {
        let names: Vec<&str> =
            allowed.iter().filter(|codec| codec.kind() == media.kind).map(|codec| codec.name()).collect();
        let rule = format!("none of the codecs is taken here; those are: {}", names.join(", "));
        Refusal::unsupported(Some(media.line), rule)
    })?;
    let extensions = kept(&media.extensions, |extension| {
        extension.is_passed_on() || matches!(extension, Extension::Mid | Extension::TransportCc)
    });
    let mut feedback = format.feedback;
    feedback.transport_cc &= extensions.id(Extension::TransportCc).is_some();
    let rtx_payload_type = retransmission(&media.formats, format.payload_type).filter(|_| feedback.nack);
    Ok(Track {
        mid: media.mid.clone(),
        codec,
        format: format.parameters.clone(),
        payload_type: format.payload_type,
        rtx_payload_type,
        ssrc: media.source.ssrc,
        rtx_ssrc: media.source.rtx.filter(|_| rtx_payload_type.is_some()),
        extensions,
        feedback,
    })
}

/// One transport for all: a payload type stands for one thing (RFC 9143 section 9.1).
pub(super) fn check_numbers(tracks: &[Track]) -> Result<(), Refusal> {
    let mut numbers: Vec<u8> = tracks
        .iter()
        .flat_map(|track| [Some(track.payload_type), track.rtx_payload_type])
        .flatten()
        .collect();
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() == all {
        return Ok(());
    }
    Err(Refusal::unsupported(None, "within a=group:BUNDLE a payload type stands for one format"))
}
