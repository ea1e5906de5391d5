//! RTP header extensions (RFC 8285) that are understood or passed on.

/// A header extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extension {
    /// Which media section a packet belongs to (RFC 9143). Read of publishers.
    Mid,
    /// Numbers over all of a transport's packets, for feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    /// Read of publishers, written to viewers.
    TransportCc,
    /// When a packet was sent. Written to viewers who do not know the one before.
    AbsSendTime,
    /// When a frame was captured. Passed on.
    AbsCaptureTime,
    /// How loud it is (RFC 6464). Passed on.
    AudioLevel,
    /// How a picture is turned. Passed on.
    VideoOrientation,
    /// How long a viewer should hold a frame back. Passed on.
    PlayoutDelay,
    /// Which frames a frame of AV1 or VP9 needs. Passed on.
    DependencyDescriptor,
    /// The colours of a frame. Passed on.
    ColorSpace,
}

impl Extension {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Mid,
        Self::TransportCc,
        Self::AbsSendTime,
        Self::AbsCaptureTime,
        Self::AudioLevel,
        Self::VideoOrientation,
        Self::PlayoutDelay,
        Self::DependencyDescriptor,
        Self::ColorSpace,
    ];

    /// The URI by which SDP names it.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::TransportCc => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
        }
    }

    /// Whether a publisher's bytes go to viewers as they are.
    pub const fn is_passed_on(self) -> bool {
        !matches!(self, Self::Mid | Self::TransportCc | Self::AbsSendTime)
    }
}

/// Which number a peer gave to which extension, for one media section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtensionMap(Vec<(u8, Extension)>);

impl ExtensionMap {
    /// Notes that `id` stands for `extension`. Numbers are 1 to 14: longer ones would need the two-byte form, which is
    /// not offered. Answers whether it was taken.
    pub fn insert(&mut self, id: u8, extension: Extension) -> bool {
        let free = (1..=14).contains(&id) && self.extension(id).is_none() && self.id(extension).is_none();
        if free {
            self.0.push((id, extension));
        }
        free
    }

    /// What `id` stands for.
    pub fn extension(&self, id: u8) -> Option<Extension> {
        self.0.iter().find(|(other, _)| *other == id).map(|(_, extension)| *extension)
    }

    /// The number of `extension`.
    pub fn id(&self, extension: Extension) -> Option<u8> {
        self.0.iter().find(|(_, other)| *other == extension).map(|(id, _)| *id)
    }

    /// All, as they were noted.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Extension)> + '_ {
        self.0.iter().copied()
    }
}
