//! The local log of a recording: what is not stored elsewhere yet, synced fragment by fragment.
//!
//! A recording has a directory, and in it a file for each segment, so that what was stored can go. A file is a series of
//! entries, each behind its length and its CRC-32C; what a process left half written ends where the sums do not hold.

mod directory;
mod entry;
mod segment;
mod writer;

pub(crate) use self::directory::{
    Abandoned, End, abandoned, accepted, read_end, read_head, refused_since, remove, remove_segment,
    segment_bytes, segment_path, segments,
};
pub(crate) use self::entry::Head;
pub(crate) use self::segment::{StoredSegment, read_segment};
pub(crate) use self::writer::Log;

#[cfg(test)]
mod tests;
