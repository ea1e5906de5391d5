//! RFC 7587 and RFC 3551: each packet is a unit.

use std::sync::Arc;

use crate::codec::Codec;
use crate::packet::Packet;
use crate::record::format::{Format, opus_ticks};
use crate::record::unit::Unit;

#[derive(Debug)]
pub(crate) struct Sound {
    format: Arc<Format>,
}

impl Sound {
    pub(super) fn new(codec: Codec) -> Self {
        let format = match codec {
            Codec::Pcmu => Format::Pcmu,
            Codec::Pcma => Format::Pcma,
            Codec::G722 => Format::G722,
            _ => Format::Opus,
        };
        Self { format: Arc::new(format) }
    }

    pub(super) fn push(&mut self, packet: &Packet, out: &mut Vec<Unit>) -> bool {
        let ticks = match *self.format {
            Format::Opus => opus_ticks(&packet.payload),
            // A byte is a sample, or two of G.722, whose clock has half as many ticks.
            _ => u32::try_from(packet.payload.len()).ok(),
        };
        let Some(ticks) = ticks else { return false };
        out.push(Unit {
            timestamp: packet.timestamp,
            arrived: packet.arrived,
            keyframe: true,
            ticks: Some(ticks),
            format: Arc::clone(&self.format),
            data: packet.payload.to_vec(),
        });
        true
    }
}
