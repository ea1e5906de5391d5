//! Units with their place in time, on their way into a file.

use std::sync::Arc;

use super::format::Format;

/// A unit whose time and duration are known. Times are ticks of its track's clock since the recording began.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When it is shown.
    pub(crate) shown: i64,
    /// When it is decoded: in order, and never equal.
    pub(crate) decoded: i64,
    /// Until the next is decoded.
    pub(crate) duration: i64,
    pub(crate) keyframe: bool,
    pub(crate) data: Vec<u8>,
}

/// Samples of one track, all of the same format.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// The track's number, from 0.
    pub(crate) track: usize,
    /// Ticks of its clock in a second.
    pub(crate) rate: u32,
    pub(crate) samples: &'a [Sample],
    /// Which of its track's formats they have.
    pub(crate) current: usize,
}

/// A track as a file's header describes it.
#[derive(Debug)]
pub(crate) struct Described<'a> {
    /// The track's number, from 0.
    pub(crate) track: usize,
    /// Ticks of its clock in a second.
    pub(crate) rate: u32,
    /// All formats that it has had so far.
    pub(crate) formats: &'a [Arc<Format>],
}
