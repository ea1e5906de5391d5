//! Packets of one timestamp, put together.

use std::time::Instant;

use crate::packet::Packet;
use crate::record::unit::MAX_UNIT;

/// What was put together so far.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) timestamp: u32,
    pub(super) arrived: Instant,
    pub(super) data: Vec<u8>,
    pub(super) keyframe: bool,
    /// It cannot be decoded.
    pub(super) broken: bool,
    /// Packets are missing before its first one, so that may not have been its first one.
    pub(super) doubtful: bool,
}

impl Open {
    /// Puts bytes behind those that are there. What becomes too large is broken.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.data.len().saturating_add(bytes.len()) > MAX_UNIT {
            self.broken = true;
            self.data = Vec::new();
        }
        if !self.broken {
            self.data.extend_from_slice(bytes);
        }
    }

    /// A unit that began with this packet after all, or did not.
    pub(super) fn begins(&mut self, it_does: bool) {
        self.broken |= self.doubtful && !it_does;
        self.doubtful = false;
    }
}

/// Opens and closes units by timestamp and marker.
#[derive(Debug)]
pub(super) struct Assembly {
    open: Option<Open>,
    hole: bool,
}

impl Default for Assembly {
    /// Whoever listens from the middle on may hear the end of a unit first.
    fn default() -> Self {
        Self { open: None, hole: true }
    }
}

impl Assembly {
    /// Enters a packet. A unit that is open ends where another timestamp begins.
    pub(super) fn enter(&mut self, packet: &Packet) -> (Option<Open>, &mut Open) {
        let ended = self.open.take_if(|open| open.timestamp != packet.timestamp);
        let doubtful = std::mem::take(&mut self.hole);
        let open = self.open.get_or_insert_with(|| Open {
            timestamp: packet.timestamp,
            arrived: packet.arrived,
            data: Vec::new(),
            keyframe: false,
            broken: false,
            doubtful,
        });
        (ended, open)
    }

    /// The unit that is open, at its end.
    pub(super) fn finish(&mut self) -> Option<Open> {
        self.open.take()
    }

    /// Packets are missing here.
    pub(super) fn lost(&mut self) {
        self.hole = true;
        if let Some(open) = &mut self.open {
            open.broken = true;
        }
    }
}
