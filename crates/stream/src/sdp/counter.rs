//! Our own offer, to a viewer whose offer could not be served (draft-ietf-wish-whep section 4.3).

use veza_core::Random;

use super::answer::Local;
use super::extmap::kept;
use super::media::{Direction, Media};
use super::offer::{self, Offer};
use super::publish::agreed;
use super::refusal::Refusal;
use super::transport::Setup;
use super::watch::{Names, Ssrcs, is_sent};
use super::write::Text;
use crate::{Agreed, Credentials, Extension, ExtensionMap, Feedback, Kind, Track};

/// An offer of all that is live.
#[derive(Debug, Clone)]
pub struct CounterOffer {
    /// The tracks that are offered, in the order of the live ones.
    pub tracks: Vec<Track>,
    names: Names,
}

/// What of a counter-offer was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    answer: Offer,
    /// The tracks that are sent.
    pub tracks: Vec<Track>,
    /// Which of the live tracks each of them shows.
    pub shows: Vec<usize>,
}

impl CounterOffer {
    /// Offers the `live` tracks.
    pub fn new(live: &[Track], random: &dyn Random) -> Self {
        let mut ssrcs = Ssrcs::new(random);
        let mut numbers: Vec<u8> = live.iter().map(|track| track.payload_type).collect();
        let tracks = live.iter().enumerate().map(|(index, source)| {
            let video = source.codec.kind() == Kind::Video;
            let rtx = if video { free(&mut numbers) } else { None };
            Track {
                mid: index.to_string(),
                rtx_payload_type: rtx,
                ssrc: Some(ssrcs.next()),
                rtx_ssrc: rtx.map(|_| ssrcs.next()),
                extensions: extensions(source),
                feedback: Feedback { nack: video, pli: video, fir: video, transport_cc: true },
                ..source.clone()
            }
        });
        Self { tracks: tracks.collect(), names: Names::generate(random) }
    }

    /// The offer: `sendonly` and `actpass`.
    pub fn text(&self, local: &Local) -> String {
        let mut text = Text::begin(local, self.tracks.iter().map(|track| track.mid.as_str()));
        for (index, track) in self.tracks.iter().enumerate() {
            text.section(track, "UDP/TLS/RTP/SAVPF");
            text.line(format_args!("a=mid:{}", track.mid));
            text.line(format_args!("a=sendonly"));
            text.transport(local, "actpass");
            text.line(format_args!("a=rtcp-rsize"));
            text.formats(track);
            text.sources(track, &self.names);
            if index == 0 {
                text.candidates(local);
            }
        }
        text.finish()
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// The line or the rule that it breaks.
    pub fn answered(&self, text: &str) -> Result<Taken, Refusal> {
        let answer = offer::read(text)?;
        if answer.transport.setup != Setup::Active {
            return Err(Refusal::unsupported(
                None,
                "a=setup of the answer is active: we wait for the handshake",
            ));
        }
        if answer.media.len() != self.tracks.len() {
            return Err(Refusal::whole("an answer has the sections of the offer, in their order"));
        }
        let (mut tracks, mut shows) = (Vec::new(), Vec::new());
        for (index, (media, offered)) in answer.media.iter().zip(&self.tracks).enumerate() {
            if let Some(track) = taken(media, offered)? {
                tracks.push(track);
                shows.push(index);
            }
        }
        if tracks.is_empty() {
            return Err(Refusal::unsupported(None, "an answer takes at least one of the sections"));
        }
        Ok(Taken { answer, tracks, shows })
    }
}

impl Taken {
    /// What the data plane has to know, with our side's credentials.
    pub fn agreed(&self, local: Credentials) -> Agreed {
        agreed(&self.answer, &self.tracks, local)
    }
}

/// A number for a format that has none yet: from the dynamic ones (RFC 3551 section 6).
fn free(numbers: &mut Vec<u8>) -> Option<u8> {
    let number = (96..=127).find(|number| !numbers.contains(number))?;
    numbers.push(number);
    Some(number)
}

/// The publisher's numbers, and one for what we add.
fn extensions(source: &Track) -> ExtensionMap {
    let mut map =
        kept(&source.extensions, |extension| extension.is_passed_on() && is_sent(extension, source));
    if let Some(id) = (1..=14).find(|id| map.extension(*id).is_none()) {
        let _taken = map.insert(id, Extension::TransportCc);
    }
    map
}

/// What the answer takes of a track; nothing when it rejects it.
fn taken(media: &Media, offered: &Track) -> Result<Option<Track>, Refusal> {
    let refuse = |rule: &'static str| Err(Refusal::unsupported(Some(media.line), rule));
    if media.mid != offered.mid || media.kind != offered.codec.kind() {
        return refuse("an answer has the sections of the offer, in their order");
    }
    if media.disabled || media.direction == Direction::Inactive {
        return Ok(None);
    }
    if media.direction != Direction::RecvOnly {
        return refuse("a section of the answer is recvonly or inactive");
    }
    let format = media.formats.iter().find(|format| format.payload_type == offered.payload_type);
    let Some(format) = format.filter(|format| format.codec() == Some(offered.codec)) else {
        return refuse("a section that is taken has the codec that was offered, by its number");
    };
    let extensions = kept(&offered.extensions, |extension| {
        media.extensions.id(extension) == offered.extensions.id(extension)
    });
    let transport_cc = format.feedback.transport_cc && extensions.id(Extension::TransportCc).is_some();
    let takes_rtx = |number: &u8| media.formats.iter().any(|format| format.payload_type == *number);
    let rtx = offered.rtx_payload_type.filter(takes_rtx).filter(|_| format.feedback.nack);
    Ok(Some(Track {
        rtx_payload_type: rtx,
        rtx_ssrc: offered.rtx_ssrc.filter(|_| rtx.is_some()),
        feedback: Feedback { transport_cc, ..format.feedback },
        extensions,
        ..offered.clone()
    }))
}
