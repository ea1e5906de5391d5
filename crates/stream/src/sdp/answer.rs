//! Answers.

use super::media::Media;
use super::publish::Publishing;
use super::watch::Watching;
use super::write::{Text, kind};
use crate::{Credentials, Fingerprint, Kind, Track};

/// Our side of a transport. We are the lite side of ICE and wait for the handshake.
#[derive(Debug, Clone)]
pub struct Local {
    /// What the peer's checks are addressed to.
    pub credentials: Credentials,
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// The values of `a=candidate`: all that there will be.
    pub candidates: Vec<String>,
    /// The session's number in `o=`; any.
    pub session: u32,
}

impl Publishing {
    /// The answer: `recvonly`. `max_kbps` is the most that may be sent as video, in kbit/s.
    pub fn answer(&self, local: &Local, max_kbps: Option<u32>) -> String {
        write(local, &self.offer.media, &self.tracks, |text, media, track| {
            if let Some(most) = max_kbps.filter(|_| media.kind == Kind::Video) {
                text.line(format_args!("b=AS:{most}"));
            }
            text.line(format_args!("a=mid:{}", media.mid));
            text.line(format_args!("a=recvonly"));
            text.transport(local, "passive");
            text.formats(track);
        })
    }
}

impl Watching {
    /// The answer: `sendonly`, with the sources that will be sent as.
    pub fn answer(&self, local: &Local) -> String {
        write(local, &self.offer.media, &self.tracks, |text, media, track| {
            text.line(format_args!("a=mid:{}", media.mid));
            text.line(format_args!("a=sendonly"));
            text.transport(local, "passive");
            text.formats(track);
            text.sources(track, &self.names);
        })
    }
}

/// Sections are answered in their order; those without a track are rejected (RFC 3264 section 6).
fn write(
    local: &Local,
    media: &[Media],
    tracks: &[Track],
    serve: impl Fn(&mut Text, &Media, &Track),
) -> String {
    let mut text = Text::begin(local, tracks.iter().map(|track| track.mid.as_str()));
    let mut first = true;
    for media in media {
        let Some(track) = tracks.iter().find(|track| track.mid == media.mid) else {
            reject(&mut text, media);
            continue;
        };
        text.section(track, &media.protocol);
        serve(&mut text, media, track);
        if media.reduced_size {
            text.line(format_args!("a=rtcp-rsize"));
        }
        // The others go the way of the first (RFC 9143 section 7.3.3).
        if std::mem::take(&mut first) {
            text.candidates(local);
        }
    }
    text.finish()
}

fn reject(text: &mut Text, media: &Media) {
    let format = media.formats.first().map_or(0, |format| format.payload_type);
    text.line(format_args!("m={} 0 {} {format}", kind(media.kind), media.protocol));
    text.line(format_args!("c=IN IP4 0.0.0.0"));
    text.line(format_args!("a=mid:{}", media.mid));
    text.line(format_args!("a=inactive"));
}
