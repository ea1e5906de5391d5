//! What a recorder hears of a publisher.

use std::sync::Arc;
use std::time::Instant;

use crate::packet::{ClockReading, Packet};

/// Something that a publisher sent, or that it will send no more. Tracks are counted in the order in which they were
/// agreed.
#[derive(Debug, Clone)]
pub enum Tapped {
    /// A packet: in order of arrival, so that it may be late, doubled, or missing altogether.
    Packet {
        /// Which track.
        track: usize,
        /// The packet.
        packet: Arc<Packet>,
    },
    /// A sender report.
    Clock {
        /// Which track.
        track: usize,
        /// What it said.
        reading: ClockReading,
        /// When it came.
        arrived: Instant,
    },
    /// The publisher is gone.
    Ended,
}
