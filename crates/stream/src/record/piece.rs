//! What a recording is made of.

/// A piece of a recording, in the order in which they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// What stands before the fragments that follow, and would do before all that came.
    Header(Vec<u8>),
    /// A fragment.
    Fragment(Fragment),
}

/// Some of the time of all tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) bytes: Vec<u8>,
    /// When it begins, in milliseconds from the beginning of the recording.
    pub(crate) begin_ms: u64,
    /// When the last of its units ends.
    pub(crate) end_ms: u64,
    /// A player can begin with it.
    pub(crate) keyframe: bool,
}
