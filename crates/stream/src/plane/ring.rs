//! The last packets of a track, which everybody who forwards them shares.

use std::sync::Arc;

use crate::packet::Packet;

/// Packets that are kept: four seconds of 2 Mbit/s. A power of two.
const SIZE: usize = 1_024;

/// The last packets by their number.
#[derive(Debug)]
pub(crate) struct Ring {
    slots: Vec<Option<Arc<Packet>>>,
    /// The highest number that came.
    highest: Option<u64>,
    /// That of the packet that began the last key frame, and the frame's time.
    keyframe: Option<(u64, u32)>,
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self { slots: vec![None; SIZE], highest: None, keyframe: None }
    }

    /// Takes a packet in. Answers whether it is new, and not too old to be of use.
    pub(crate) fn insert(&mut self, packet: &Arc<Packet>) -> bool {
        let highest = self.highest.unwrap_or(packet.index);
        if packet.index.saturating_add(width()) <= highest || self.get(packet.index).is_some() {
            return false;
        }
        if let Some(slot) = self.slots.get_mut(place(packet.index)) {
            *slot = Some(Arc::clone(packet));
        }
        self.highest = Some(highest.max(packet.index));
        if packet.keyframe {
            self.keyframe = Some(match self.keyframe {
                // Parameter sets and slices of one picture each say that it is one to begin with: its first does.
                Some((index, time)) if time == packet.timestamp => (index.min(packet.index), time),
                Some(later) if later.0 > packet.index => later,
                _ => (packet.index, packet.timestamp),
            });
        }
        true
    }

    /// The packet with that number, if it is still there.
    pub(crate) fn get(&self, index: u64) -> Option<&Arc<Packet>> {
        let packet = self.slots.get(place(index))?.as_ref()?;
        (packet.index == index).then_some(packet)
    }

    /// The packet with the highest number that came.
    pub(crate) fn latest(&self) -> Option<&Arc<Packet>> {
        self.get(self.highest?)
    }

    /// What came since the last key frame began, when that is all there and no more than `most`.
    pub(crate) fn since_keyframe(&self, most: u64) -> Option<impl Iterator<Item = &Arc<Packet>>> {
        let ((first, _), last) = (self.keyframe?, self.highest?);
        // The key frame's own packets follow one another without a gap that matters only if they are all there.
        let whole = last - first < most && (first..=last).all(|index| self.get(index).is_some());
        whole.then(|| (first..=last).filter_map(|index| self.get(index)))
    }
}

fn width() -> u64 {
    u64::try_from(SIZE).unwrap_or(u64::MAX)
}

fn place(index: u64) -> usize {
    usize::try_from(index % width()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::{Ring, SIZE};
    use crate::packet::Packet;

    fn packet(index: u64, keyframe: bool) -> Arc<Packet> {
        of_frame(0, index, keyframe)
    }

    #[allow(clippy::disallowed_methods, reason = "any moment will do")]
    fn of_frame(timestamp: u32, index: u64, keyframe: bool) -> Arc<Packet> {
        let (extensions, payload) = (Vec::new(), Box::default());
        let arrived = Instant::now();
        Arc::new(Packet { index, timestamp, marker: false, keyframe, arrived, extensions, payload })
    }

    #[test]
    fn a_key_frame_begins_with_the_first_packet_that_says_so() {
        let mut ring = Ring::new();
        let begins = |ring: &Ring| ring.since_keyframe(10).unwrap().next().unwrap().index;
        for (time, index) in [(9, 6), (9, 7), (9, 5)] {
            ring.insert(&of_frame(time, index, true));
        }
        assert_eq!(begins(&ring), 5, "sets, then slices, whatever order they came in");
        ring.insert(&of_frame(10, 8, true));
        assert_eq!(begins(&ring), 8);
        ring.insert(&of_frame(8, 4, true));
        assert_eq!(begins(&ring), 8, "an older one that comes late");
    }

    #[test]
    fn a_packet_is_taken_once_and_forgotten_in_time() {
        let mut ring = Ring::new();
        let size = u64::try_from(SIZE).unwrap();
        assert!(ring.insert(&packet(10, true)));
        assert!(!ring.insert(&packet(10, true)));
        assert!(ring.insert(&packet(10 + size, false)));
        assert!(ring.get(10).is_none());
        assert!(!ring.insert(&packet(10, true)), "too old");
        assert!(ring.insert(&packet(11, false)), "late, and still of use");
        assert_eq!(ring.highest, Some(10 + size));
    }

    #[test]
    fn a_key_frame_is_given_only_with_all_that_follows() {
        let mut ring = Ring::new();
        assert!(ring.since_keyframe(10).is_none());
        for (index, keyframe) in [(5, false), (6, true), (7, false), (9, false)] {
            ring.insert(&packet(index, keyframe));
        }
        assert!(ring.since_keyframe(10).is_none(), "8 is missing");
        ring.insert(&packet(8, false));
        let indices: Vec<_> = ring.since_keyframe(10).unwrap().map(|packet| packet.index).collect();
        assert_eq!(indices, [6, 7, 8, 9]);
        assert!(ring.since_keyframe(3).is_none(), "too much");
    }
}
