//! Packets in the order of sending.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::packet::Packet;

/// What is not there after so long is taken for lost. Two rounds of NACK fit in, over any line that is fit to publish.
const PATIENCE: Duration = Duration::from_secs(1);
/// Packets before the first that came may still come for so long.
const BEGINNING: Duration = Duration::from_millis(50);
/// The most packets that wait behind one that is missing: what 40 Mbit/s bring while it is waited for.
const MOST: usize = 4_096;

/// What comes next.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    /// A packet.
    Packet(Arc<Packet>),
    /// Packets are lost, and the next one is behind them.
    Hole,
}

/// Puts packets in order, and waits for those that are missing.
#[derive(Debug, Default)]
pub(crate) struct Jitter {
    waiting: BTreeMap<u64, Arc<Packet>>,
    /// The index that follows those that were handed out.
    next: Option<u64>,
    /// When the first packet of all came.
    first: Option<Instant>,
}

impl Jitter {
    /// Takes a packet. One that was there, or for which it is too late, is dropped.
    pub(crate) fn push(&mut self, packet: Arc<Packet>) {
        self.first.get_or_insert(packet.arrived);
        if self.next.is_none_or(|next| packet.index >= next) {
            self.waiting.entry(packet.index).or_insert(packet);
        }
    }

    /// What comes next, if that is known at `now`.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Next> {
        let room = self.waiting.len() < MOST;
        let entry = self.waiting.first_entry()?;
        let index = *entry.key();
        match self.next {
            None if room && !passed(self.first?, BEGINNING, now) => None,
            Some(next) if index > next => {
                if room && !passed(entry.get().arrived, PATIENCE, now) {
                    return None;
                }
                self.next = Some(index);
                Some(Next::Hole)
            }
            _ => {
                self.next = index.checked_add(1);
                Some(Next::Packet(entry.remove()))
            }
        }
    }

    /// What comes next when nothing more will come.
    pub(crate) fn rest(&mut self) -> Option<Next> {
        let entry = self.waiting.first_entry()?;
        let index = *entry.key();
        if self.next.is_some_and(|next| index > next) {
            self.next = Some(index);
            return Some(Next::Hole);
        }
        self.next = index.checked_add(1);
        Some(Next::Packet(entry.remove()))
    }
}

fn passed(since: Instant, wait: Duration, now: Instant) -> bool {
    now.saturating_duration_since(since) >= wait
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "any moment will do")]
    fn begin() -> Instant {
        Instant::now()
    }

    fn packet(index: u64, arrived: Instant) -> Arc<Packet> {
        Arc::new(Packet {
            index,
            timestamp: 0,
            marker: false,
            keyframe: false,
            arrived,
            extensions: Vec::new(),
            payload: Box::default(),
        })
    }

    fn all(jitter: &mut Jitter, now: Instant) -> Vec<Option<u64>> {
        std::iter::from_fn(|| jitter.next(now))
            .map(|next| match next {
                Next::Packet(packet) => Some(packet.index),
                Next::Hole => None,
            })
            .collect()
    }

    #[test]
    fn order_is_restored_and_holes_are_waited_for() {
        let (mut jitter, begin) = (Jitter::default(), begin());
        for index in [11, 10, 12, 10, 14] {
            jitter.push(packet(index, begin));
        }
        assert!(all(&mut jitter, begin).is_empty(), "one before the first may come");
        let later = begin + BEGINNING;
        assert_eq!(all(&mut jitter, later), [10, 11, 12].map(Some));
        jitter.push(packet(9, later));
        jitter.push(packet(12, later));
        assert!(all(&mut jitter, later).is_empty(), "late ones are dropped");
        let lost = begin + PATIENCE;
        assert_eq!(all(&mut jitter, lost), [None, Some(14)]);
        jitter.push(packet(13, lost));
        jitter.push(packet(15, lost));
        assert_eq!(all(&mut jitter, lost), [Some(15)]);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut jitter, begin) = (Jitter::default(), begin());
        jitter.push(packet(0, begin));
        assert_eq!(all(&mut jitter, begin + BEGINNING), [Some(0)]);
        for index in 2..20_000 {
            jitter.push(packet(index, begin + BEGINNING));
            while jitter.next(begin + BEGINNING).is_some() {}
            assert!(jitter.waiting.len() <= MOST);
        }
    }

    #[test]
    fn the_end_gives_out_all() {
        let (mut jitter, begin) = (Jitter::default(), begin());
        jitter.push(packet(3, begin));
        jitter.push(packet(5, begin));
        let rest: Vec<_> = std::iter::from_fn(|| jitter.rest()).collect();
        assert!(matches!(&rest[..], [Next::Packet(_), Next::Hole, Next::Packet(_)]));
    }
}
