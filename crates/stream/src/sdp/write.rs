//! Descriptions, written.

use std::fmt::{self, Write};

use super::answer::Local;
use super::watch::Names;
use crate::{Feedback, Kind, Track};

/// A text of lines that end with CRLF.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// What a description begins with, up to its first section.
    pub(super) fn begin<'m>(local: &Local, mids: impl Iterator<Item = &'m str>) -> Self {
        let mut text = Self::default();
        text.line(format_args!("v=0"));
        text.line(format_args!("o=- {} 1 IN IP4 0.0.0.0", local.session));
        text.line(format_args!("s=-"));
        text.line(format_args!("t=0 0"));
        text.line(format_args!("a=ice-lite"));
        let group = mids.fold("a=group:BUNDLE".to_owned(), |group, mid| group + " " + mid);
        text.line(format_args!("{group}"));
        text.line(format_args!("a=msid-semantic: WMS *"));
        text
    }

    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _written = write!(self.0, "{line}\r\n");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// The first lines of a section that is served.
    pub(super) fn section(&mut self, track: &Track, protocol: &str) {
        let kind = kind(track.codec.kind());
        match track.rtx_payload_type {
            Some(rtx) => self.line(format_args!("m={kind} 9 {protocol} {} {rtx}", track.payload_type)),
            None => self.line(format_args!("m={kind} 9 {protocol} {}", track.payload_type)),
        }
        self.line(format_args!("c=IN IP4 0.0.0.0"));
    }

    /// ICE and DTLS; they stand in every section (RFC 9429 section 5.3.1).
    pub(super) fn transport(&mut self, local: &Local, setup: &str) {
        self.credentials(&local.credentials);
        self.line(format_args!("a=ice-options:trickle"));
        self.line(format_args!("a=fingerprint:sha-256 {}", local.fingerprint));
        self.line(format_args!("a=setup:{setup}"));
        self.line(format_args!("a=rtcp-mux"));
        self.line(format_args!("a=rtcp-mux-only"));
    }

    pub(super) fn credentials(&mut self, credentials: &crate::Credentials) {
        self.line(format_args!("a=ice-ufrag:{}", credentials.ufrag));
        self.line(format_args!("a=ice-pwd:{}", credentials.pwd));
    }

    /// All candidates that there will be.
    pub(super) fn candidates(&mut self, local: &Local) {
        for candidate in &local.candidates {
            self.line(format_args!("a=candidate:{candidate}"));
        }
        self.line(format_args!("a=end-of-candidates"));
    }

    /// The codec of a track and what goes with it.
    pub(super) fn formats(&mut self, track: &Track) {
        let (number, codec) = (track.payload_type, track.codec);
        let clock = codec.clock_rate();
        match codec.channels() {
            Some(channels) if channels > 1 => {
                self.line(format_args!("a=rtpmap:{number} {}/{clock}/{channels}", codec.name()));
            }
            _ => self.line(format_args!("a=rtpmap:{number} {}/{clock}", codec.name())),
        }
        if let Some(format) = &track.format {
            self.line(format_args!("a=fmtp:{number} {format}"));
        }
        self.feedback(number, track.feedback);
        if let Some(rtx) = track.rtx_payload_type {
            self.line(format_args!("a=rtpmap:{rtx} rtx/{clock}"));
            self.line(format_args!("a=fmtp:{rtx} apt={number}"));
        }
        for (id, extension) in track.extensions.iter() {
            self.line(format_args!("a=extmap:{id} {}", extension.uri()));
        }
    }

    fn feedback(&mut self, number: u8, feedback: Feedback) {
        let all = [
            (feedback.nack, "nack"),
            (feedback.pli, "nack pli"),
            (feedback.fir, "ccm fir"),
            (feedback.transport_cc, "transport-cc"),
        ];
        for (_, name) in all.iter().filter(|(agreed, _)| *agreed) {
            self.line(format_args!("a=rtcp-fb:{number} {name}"));
        }
    }

    /// What a track is sent as.
    pub(super) fn sources(&mut self, track: &Track, names: &Names) {
        let (cname, stream) = (&names.cname, &names.stream);
        self.line(format_args!("a=msid:{stream} {stream}-{}", kind(track.codec.kind())));
        let Some(ssrc) = track.ssrc else { return };
        if let Some(rtx) = track.rtx_ssrc {
            self.line(format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
        }
        for ssrc in [Some(ssrc), track.rtx_ssrc].into_iter().flatten() {
            self.line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
        }
    }
}

/// The word in `m=`.
pub(super) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    }
}
