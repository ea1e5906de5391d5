//! Which file holds which codecs.

use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::track::Track;

/// The kind of file that a recording becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Container {
    /// Fragmented MP4 (ISO/IEC 14496-12), as CMAF has it: what browsers and players take without more ado.
    Mp4,
    /// Matroska within the bounds of `WebM`: VP8, VP9, AV1 and Opus.
    Webm,
    /// Matroska (RFC 9559), for what the others do not hold.
    Matroska,
}

impl Container {
    /// The one that holds these tracks, and that most players take.
    pub(crate) fn of(tracks: &[Track]) -> Self {
        let all = |fits: fn(Codec) -> bool| tracks.iter().all(|track| fits(track.codec));
        if all(|codec| matches!(codec, Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp9 | Codec::Opus)) {
            Self::Mp4
        } else if all(|codec| matches!(codec, Codec::Vp8 | Codec::Vp9 | Codec::Av1 | Codec::Opus)) {
            Self::Webm
        } else {
            Self::Matroska
        }
    }

    /// As it stands in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
            Self::Matroska => "matroska",
        }
    }

    pub(crate) fn read(text: &str) -> Self {
        match text {
            "mp4" => Self::Mp4,
            "webm" => Self::Webm,
            _ => Self::Matroska,
        }
    }

    /// How names of files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
            Self::Matroska => "mkv",
        }
    }

    /// The media type, of pictures or of sound alone.
    pub const fn media_type(self, video: bool) -> &'static str {
        match (self, video) {
            (Self::Mp4, true) => "video/mp4",
            (Self::Mp4, false) => "audio/mp4",
            (Self::Webm, true) => "video/webm",
            (Self::Webm, false) => "audio/webm",
            (Self::Matroska, true) => "video/matroska",
            (Self::Matroska, false) => "audio/matroska",
        }
    }
}
