//! Codecs that are forwarded, untouched.

use serde::{Deserialize, Serialize};

/// What a track is to be seen or heard as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A codec. Its name, clock and channels are those of the IANA registry of RTP payload formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// G.711 μ-law, RFC 3551.
    Pcmu,
    /// G.711 A-law, RFC 3551.
    Pcma,
    /// RFC 3551. It has 16,000 samples in a second and a clock of 8,000, as that RFC explains.
    G722,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// The RTP payload format of the Alliance for Open Media.
    Av1,
}

impl Codec {
    /// Every one, in the order in which they are preferred where a peer leaves the choice.
    pub const ALL: [Self; 9] = [
        Self::Opus,
        Self::G722,
        Self::Pcmu,
        Self::Pcma,
        Self::H264,
        Self::Vp8,
        Self::Vp9,
        Self::Av1,
        Self::H265,
    ];

    /// Sound or pictures.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Opus | Self::Pcmu | Self::Pcma | Self::G722 => Kind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => Kind::Video,
        }
    }

    /// The encoding name that stands in `a=rtpmap`; compared without regard to case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
        }
    }

    /// The codec of an encoding name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// Ticks of the RTP timestamp in a second.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => 90_000,
        }
    }

    /// Channels in `a=rtpmap`, for sound; Opus says two whatever it carries.
    pub const fn channels(self) -> Option<u8> {
        match self {
            Self::Opus => Some(2),
            Self::Pcmu | Self::Pcma | Self::G722 => Some(1),
            _ => None,
        }
    }

    /// The payload type that RFC 3551 gives it for all time, if it does.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            _ => None,
        }
    }
}
