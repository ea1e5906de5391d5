//! What a decoder takes at once.

use std::sync::Arc;
use std::time::Instant;

use super::format::Format;

/// The most bytes of an access unit. A key frame of the largest picture that anybody publishes live has less.
pub(crate) const MAX_UNIT: usize = 8 << 20;

/// An access unit: a picture, or a packet of sound, as files hold it.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// The RTP timestamp.
    pub(crate) timestamp: u32,
    /// When its first packet came.
    pub(crate) arrived: Instant,
    /// It needs no other.
    pub(crate) keyframe: bool,
    /// How long it is, in ticks of the clock of its codec, where the codec says so.
    pub(crate) ticks: Option<u32>,
    /// What a decoder must know before it.
    pub(crate) format: Arc<Format>,
    /// Its bytes.
    pub(crate) data: Vec<u8>,
}
