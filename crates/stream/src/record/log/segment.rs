//! Reading a segment of a log.

use std::io;
use std::path::Path;

use super::entry::Entry;

/// A segment as its log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredSegment {
    /// The file's header, and its number.
    pub(crate) header: (u32, Vec<u8>),
    pub(crate) begin_ms: u64,
    pub(crate) end_ms: u64,
    /// A player can begin with it.
    pub(crate) keyframe: bool,
    pub(crate) bytes: Vec<u8>,
}

/// Reads a segment, as far as it was written; none where not even a fragment was.
pub(crate) fn read_segment(path: &Path) -> io::Result<Option<StoredSegment>> {
    let bytes = std::fs::read(path)?;
    Ok(parse(&bytes))
}

pub(super) fn parse(mut rest: &[u8]) -> Option<StoredSegment> {
    let mut header = None;
    let mut segment: Option<StoredSegment> = None;
    while let Some((entry, behind)) = Entry::read(rest) {
        rest = behind;
        match entry {
            Entry::Header(number, bytes) => header = Some((number, bytes)),
            Entry::Fragment(fragment) => match &mut segment {
                Some(segment) => {
                    segment.begin_ms = segment.begin_ms.min(fragment.begin_ms);
                    segment.end_ms = segment.end_ms.max(fragment.end_ms);
                    segment.bytes.extend(fragment.bytes);
                }
                none => {
                    *none = Some(StoredSegment {
                        header: header.clone()?,
                        begin_ms: fragment.begin_ms,
                        end_ms: fragment.end_ms,
                        keyframe: fragment.keyframe,
                        bytes: fragment.bytes,
                    });
                }
            },
        }
    }
    segment
}
