//! A bounded queue that is fair between lanes: each lane in turn gives one item.
//!
//! One tenant that queues a thousand transactions delays another tenant's by one transaction
//! per thread, not by a thousand. Pure data; the locking is the executor's.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// See the module.
#[derive(Debug)]
pub(crate) struct FairQueue<L, T> {
    lanes: HashMap<L, VecDeque<T>>,
    /// Lanes that hold something, each once, in the order of their turns.
    turns: VecDeque<L>,
    len: usize,
    max_len: usize,
    max_lane: usize,
}

impl<L: Copy + Eq + Hash, T> FairQueue<L, T> {
    /// A queue of at most `max_len` items, at most `max_lane` of them of one lane.
    pub(crate) fn new(max_len: usize, max_lane: usize) -> Self {
        Self { lanes: HashMap::new(), turns: VecDeque::new(), len: 0, max_len, max_lane }
    }

    /// Adds an item, or gives it back when its lane or the whole queue is full.
    pub(crate) fn push(&mut self, lane: L, item: T) -> Result<(), T> {
        if self.len >= self.max_len {
            return Err(item);
        }
        let waiting = self.lanes.entry(lane).or_default();
        if waiting.len() >= self.max_lane {
            return Err(item);
        }
        if waiting.is_empty() {
            self.turns.push_back(lane);
        }
        waiting.push_back(item);
        self.len += 1;
        Ok(())
    }

    /// Takes the oldest item of the lane whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let lane = self.turns.pop_front()?;
        let waiting = self.lanes.get_mut(&lane)?;
        let item = waiting.pop_front();
        if waiting.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        self.len -= usize::from(item.is_some());
        item
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut FairQueue<u8, u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn lanes_take_turns_and_keep_their_order() {
        let mut queue = FairQueue::new(100, 100);
        for item in 0..4 {
            queue.push(1, item).unwrap();
        }
        queue.push(2, 100).unwrap();
        queue.push(3, 200).unwrap();
        assert_eq!(drain(&mut queue), [0, 100, 200, 1, 2, 3]);
        assert_eq!(queue.len(), 0);
        assert!(queue.lanes.is_empty(), "an empty lane costs nothing");
    }

    #[test]
    fn a_late_lane_waits_for_one_round_only() {
        let mut queue = FairQueue::new(100, 100);
        for item in 0..10 {
            queue.push(1, item).unwrap();
        }
        assert_eq!(queue.pop(), Some(0));
        queue.push(2, 100).unwrap();
        assert_eq!((queue.pop(), queue.pop()), (Some(1), Some(100)));
    }

    #[test]
    fn a_full_lane_refuses_while_others_are_served() {
        let mut queue = FairQueue::new(4, 3);
        for item in 0..3 {
            queue.push(1, item).unwrap();
        }
        assert_eq!(queue.push(1, 3), Err(3));
        queue.push(2, 100).unwrap();
        assert_eq!(queue.push(2, 101), Err(101), "the whole queue is full");
        assert_eq!(drain(&mut queue).len(), 4);
    }
}
