//! Which ticks to run now.

use super::missed::Missed;
use super::timing::Timing;

/// Seconds by which a tick may be late and is in time all the same.
const GRACE: i64 = 30;

/// The ticks to run at the second `now`, oldest first, when those before `next` were run.
pub(super) fn due(timing: &Timing, missed: Missed, next: i64, now: i64) -> Vec<i64> {
    let in_time_from = next.max(now - GRACE);
    let upto_now = |tick: &i64| *tick <= now;
    let first = timing.next_second(in_time_from - 1);
    let in_time: Vec<i64> =
        std::iter::successors(first, |tick| timing.next_second(*tick)).take_while(upto_now).collect();
    let mut ticks = match missed {
        Missed::One if in_time.is_empty() => last(timing, 1, next, in_time_from - 1),
        Missed::Skip | Missed::One => Vec::new(),
        Missed::All(max) => last(timing, max, next, in_time_from - 1),
    };
    ticks.extend(in_time);
    ticks
}

/// The last `count` ticks from `from` to `until`, oldest first.
fn last(timing: &Timing, count: u8, from: i64, until: i64) -> Vec<i64> {
    let latest = timing.latest(from, until);
    let before = |tick: &i64| timing.latest(from, *tick - 1);
    let mut ticks: Vec<i64> = std::iter::successors(latest, before).take(count.into()).collect();
    ticks.reverse();
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const NOON: i64 = 1_800_014_400;

    fn hourly() -> Timing {
        Timing::cron("0 * * * *", "UTC").unwrap()
    }

    #[test]
    fn what_is_in_time_runs_under_every_policy() {
        for missed in [Missed::Skip, Missed::One, Missed::All(5)] {
            assert_eq!(due(&hourly(), missed, NOON, NOON), [NOON]);
            assert_eq!(due(&hourly(), missed, NOON, NOON + 30), [NOON]);
            assert!(due(&hourly(), missed, NOON, NOON - 1).is_empty());
        }
    }

    #[test]
    fn after_a_pause_the_policy_decides() {
        let now = NOON + 5 * 3_600 + 1_800;
        assert!(due(&hourly(), Missed::Skip, NOON, now).is_empty());
        assert_eq!(due(&hourly(), Missed::One, NOON, now), [NOON + 5 * 3_600]);
        assert_eq!(due(&hourly(), Missed::All(2), NOON, now), [NOON + 4 * 3_600, NOON + 5 * 3_600]);
        assert_eq!(due(&hourly(), Missed::All(100), NOON, now).len(), 6);
        // One comes in time just now, so none is made up for.
        assert_eq!(due(&hourly(), Missed::One, NOON, NOON + 5 * 3_600 + 5), [NOON + 5 * 3_600]);
        // A second's schedule after a year costs no more.
        let seconds = Timing::cron("* * * * * *", "UTC").unwrap();
        assert_eq!(due(&seconds, Missed::All(3), NOON, NOON + 366 * 86_400).len(), 34);
    }

    proptest! {
        #[test]
        fn it_is_what_counting_all_ticks_gives(
            every in 1_u64..5_000, pause in 0_i64..20_000, max in 1_u8..9, policy in 0..3_u8
        ) {
            let anchor = chrono::DateTime::from_timestamp(NOON, 0).unwrap();
            let timing = Timing::every(Duration::from_secs(every), anchor).unwrap();
            let now = NOON + pause;
            let all: Vec<i64> = (NOON..=now).step_by(usize::try_from(every).unwrap()).collect();
            let (late, in_time): (Vec<i64>, Vec<i64>) = all.iter().partition(|tick| **tick < now - 30);
            let missed = [Missed::Skip, Missed::One, Missed::All(max)][usize::from(policy)];
            let made_up = match missed {
                Missed::Skip => 0,
                Missed::One => usize::from(in_time.is_empty()),
                Missed::All(max) => usize::from(max),
            };
            let expected = [&late[late.len().saturating_sub(made_up)..], &in_time].concat();
            prop_assert_eq!(due(&timing, missed, NOON, now), expected);
        }
    }
}
