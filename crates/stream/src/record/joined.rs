//! Segments that are put behind each other.

use super::container::Container;
use super::{Error, mkv, mp4};

/// A segment, as a file of all of them needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) bytes: u64,
    /// When it begins, from the beginning of the recording.
    pub(crate) begin_ms: u64,
    pub(crate) duration_ms: u64,
    /// It begins with a picture that needs no other.
    pub(crate) keyframe: bool,
}

/// What stands before, and what behind, the segments.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) before: Vec<u8>,
    pub(crate) behind: Vec<u8>,
}

impl Frame {
    /// The frame of a file of `parts`, whose last header was `header`.
    pub(crate) fn of(container: Container, header: &[u8], parts: &[Part]) -> Result<Self, Error> {
        let end = parts.iter().map(|part| part.begin_ms + part.duration_ms).max().unwrap_or(0);
        match container {
            Container::Mp4 => {
                let before = mp4::whole(header, end, parts).map_err(Error::unfit)?;
                Ok(Self { before, behind: Vec::new() })
            }
            Container::Webm | Container::Matroska => {
                let (before, behind) = mkv::whole(header, end, parts).ok_or(Error::Damaged)?;
                Ok(Self { before, behind })
            }
        }
    }
}
