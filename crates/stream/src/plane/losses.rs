//! Packets of a publisher that are missing, and when to ask for them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A hole larger than this is not mended: a key frame is asked for instead.
const WIDEST: u64 = 256;
/// Whatever is missing longer than this is lost.
const PATIENCE: Duration = Duration::from_millis(800);
/// What comes in another order than it was sent gets this long.
const REORDERING: Duration = Duration::from_millis(8);
/// Between two requests for the same packet, when nobody knows how long the way is.
const AGAIN: Duration = Duration::from_millis(60);

/// What is missing.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    next: Option<u64>,
    missing: BTreeMap<u64, Missing>,
    /// Not to be had any more, and not told yet.
    lost: u64,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    since: Instant,
    ask_at: Instant,
    asked: u32,
}

/// What to do about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// Packets to ask for, in their order.
    pub(crate) ask: Vec<u64>,
    /// Packets that will never come.
    pub(crate) lost: u64,
}

impl Losses {
    /// Notes that a packet came. Answers whether more is missing now than can be mended.
    pub(crate) fn note(&mut self, index: u64, now: Instant) -> bool {
        let next = *self.next.get_or_insert(index);
        if index < next {
            self.missing.remove(&index);
            return false;
        }
        self.next = Some(index + 1);
        let missing = u64::try_from(self.missing.len()).unwrap_or(u64::MAX);
        if index - next + missing > WIDEST {
            self.missing.clear();
            self.lost += index - next + missing;
            return true;
        }
        for index in next..index {
            self.missing.insert(index, Missing { since: now, ask_at: now + REORDERING, asked: 0 });
        }
        false
    }

    /// What has to be asked for now, and what is given up.
    pub(crate) fn due(&mut self, now: Instant, round_trip: Option<Duration>) -> Due {
        let mut due = Due { ask: Vec::new(), lost: std::mem::take(&mut self.lost) };
        let again = round_trip.map_or(AGAIN, |time| (time * 5 / 4).clamp(REORDERING * 2, PATIENCE / 3));
        self.missing.retain(|index, missing| {
            if now.saturating_duration_since(missing.since) >= PATIENCE {
                due.lost += 1;
                return false;
            }
            if missing.ask_at <= now {
                // Each time a little later: the way may be longer than it was thought to be.
                missing.asked += 1;
                missing.ask_at = now + again * missing.asked;
                due.ask.push(*index);
            }
            true
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{AGAIN, Due, Losses, PATIENCE, REORDERING, WIDEST};

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn no_more_is_missing_than_can_be_mended() {
        let now = Instant::now();
        let mut losses = Losses::default();
        losses.note(0, now);
        let mut index = 0;
        for _ in 0..3 {
            // The widest hole that is mended, and one that would be if nothing else were missing.
            index += WIDEST + 1;
            assert!(!losses.note(index, now));
            assert_eq!(losses.missing.len(), 256);
            index += 2;
            assert!(losses.note(index, now));
            assert_eq!((losses.missing.len(), losses.due(now, None).lost), (0, 257));
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn what_is_missing_is_asked_for_until_it_comes_or_is_lost() {
        let begin = Instant::now();
        let mut losses = Losses::default();
        assert!(!losses.note(100, begin));
        assert!(!losses.note(104, begin));
        assert_eq!(losses.due(begin, None), Due::default(), "it may only be late");
        assert!(!losses.note(102, begin + REORDERING));
        let asked = losses.due(begin + REORDERING, None);
        assert_eq!((asked.ask, asked.lost), (vec![101, 103], 0));
        assert_eq!(losses.due(begin + REORDERING * 2, None), Due::default());
        losses.note(101, begin + AGAIN);
        let asked = losses.due(begin + REORDERING + AGAIN, None);
        assert_eq!((asked.ask, asked.lost), (vec![103], 0));
        let given_up = losses.due(begin + PATIENCE, None);
        assert_eq!((given_up.ask, given_up.lost), (vec![], 1));
        assert!(losses.missing.is_empty());
        assert!(
            losses.note(1_000, begin + PATIENCE + Duration::from_secs(1)),
            "a hole like this is not mended"
        );
    }
}
