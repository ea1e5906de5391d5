//! What was sent again of late.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that are remembered, for each track and viewer who loses some.
const REMEMBERED: usize = 64;
/// How long the way there and back is taken to be, when nobody knows.
const UNKNOWN: Duration = Duration::from_millis(50);
/// Viewers are slower to ask again than the way is long.
const SLACK: Duration = Duration::from_millis(5);
/// Nobody waits longer than this for a packet.
const LONGEST: Duration = Duration::from_millis(800);

/// What was sent again of late, so that who asks once more for what is still on its way to it does not get it twice. Else
/// a queue somewhere between makes viewers ask again, and what they get for it makes the queue longer.
#[derive(Debug, Default)]
pub(crate) struct Resent(VecDeque<(u64, Instant)>);

impl Resent {
    /// Whether a packet may be sent again now; it counts as sent, if so.
    pub(crate) fn may(&mut self, index: u64, now: Instant, round_trip: Option<Duration>) -> bool {
        let way = (round_trip.unwrap_or(UNKNOWN) + SLACK).min(LONGEST);
        let is_late = |at: Instant| now.saturating_duration_since(at) >= way;
        while self.0.front().is_some_and(|(_, at)| is_late(*at)) || self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        if self.0.iter().any(|(other, _)| *other == index) {
            return false;
        }
        self.0.push_back((index, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{REMEMBERED, Resent, SLACK, UNKNOWN};

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn a_packet_goes_once_while_it_is_on_its_way() {
        let begin = Instant::now();
        let mut resent = Resent::default();
        assert!(resent.may(7, begin, None));
        assert!(resent.may(8, begin, None));
        assert!(!resent.may(7, begin + UNKNOWN, None));
        assert!(resent.may(7, begin + UNKNOWN + SLACK, None), "it was lost once more");
        let later = begin + Duration::from_secs(1);
        let way = Some(Duration::from_millis(300));
        assert!(resent.may(9, later, way));
        assert!(!resent.may(9, later + Duration::from_millis(300), way));
        assert!(resent.may(9, later + Duration::from_millis(305), way));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn it_remembers_so_many() {
        let now = Instant::now();
        let mut resent = Resent::default();
        let all = u64::try_from(REMEMBERED).unwrap() + 1;
        assert!((0..all).all(|index| resent.may(index, now, None)));
        assert_eq!(resent.0.len(), REMEMBERED);
        assert!(resent.may(0, now, None), "the oldest is forgotten first");
        assert!(!resent.may(all - 1, now, None));
    }
}
