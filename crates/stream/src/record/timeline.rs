//! When a unit is to be seen or heard: the clocks of all tracks made one.
//!
//! Until a track's first sender report its clock is tied to the others by when its first packet came. A report ties it
//! exactly. What was recorded stays where it is, so a correction moves what comes, and only forward: when a track turns
//! out to be late, the others wait for it.

use std::time::Instant;

use crate::packet::ClockReading;

/// Nanoseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
/// A publisher's clock that runs away from ours, or from what it reported, by more than this was set anew.
const ABSURD: i64 = 10 * SECOND;
/// How far sound and picture may drift apart before it is corrected: less than anybody notices (ITU-R BT.1359).
const DRIFT: i64 = 40_000_000;

/// The clocks of all tracks.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// When the first unit came.
    begun: Option<Instant>,
    clocks: Vec<Clock>,
    /// NTP time, in nanoseconds, of the beginning of the recording.
    origin: Option<i128>,
}

#[derive(Debug)]
struct Clock {
    rate: i64,
    /// The last timestamp, counted on beyond 32 bits.
    last: Option<i64>,
    /// What is added to a timestamp that was counted on, to give ticks since the beginning of the recording.
    shift: i64,
    /// A report that came before the first packet.
    early: Option<ClockReading>,
    /// A report tied it to the others.
    tied: bool,
}

impl Timeline {
    /// A recording that begins with its first unit, of tracks with these clock rates.
    pub(crate) fn new(rates: impl IntoIterator<Item = u32>) -> Self {
        let clock =
            |rate: u32| Clock { rate: rate.max(1).into(), last: None, shift: 0, early: None, tied: false };
        Self { begun: None, clocks: rates.into_iter().map(clock).collect(), origin: None }
    }

    /// Ticks of the track's clock since the beginning of the recording.
    pub(crate) fn place(&mut self, track: usize, timestamp: u32, arrived: Instant) -> Option<i64> {
        let came = nanoseconds(arrived, *self.begun.get_or_insert(arrived));
        let clock = self.clocks.get_mut(track)?;
        let counted = clock.counted(timestamp);
        let now = clock.ticks(came);
        let begins = clock.last.is_none();
        let absurd = (clock.nanoseconds(counted + clock.shift) - came).abs() > ABSURD;
        clock.last = Some(counted);
        if begins || absurd {
            clock.shift = now - counted;
            clock.tied = false;
        }
        if let Some(reading) = clock.early.take() {
            self.report(track, reading);
        }
        let clock = self.clocks.get(track)?;
        Some((counted + clock.shift).max(0))
    }

    /// Takes a sender report.
    pub(crate) fn report(&mut self, track: usize, reading: ClockReading) {
        let Some(clock) = self.clocks.get_mut(track) else { return };
        if clock.last.is_none() {
            clock.early = Some(reading);
            return;
        }
        let placed = clock.nanoseconds(clock.counted(reading.timestamp) + clock.shift);
        let said = ntp_nanoseconds(reading.ntp);
        let origin = *self.origin.get_or_insert(said - i128::from(placed));
        let Ok(wanted) = i64::try_from(said - origin) else { return };
        let Some(late) = wanted.checked_sub(placed).filter(|late| late.abs() <= ABSURD) else { return };
        let corrects = !clock.tied || late.abs() > DRIFT;
        clock.tied = true;
        if !corrects {
            return;
        }
        if late >= 0 {
            clock.shift += clock.ticks(late);
            return;
        }
        for (other, clock) in self.clocks.iter_mut().enumerate() {
            if other != track && clock.tied {
                clock.shift += clock.ticks(-late);
            }
        }
        self.origin = Some(origin + i128::from(late));
    }

    /// The same moment in nanoseconds.
    pub(crate) fn nanoseconds(&self, track: usize, ticks: i64) -> i64 {
        self.clocks.get(track).map_or(0, |clock| clock.nanoseconds(ticks))
    }
}

impl Clock {
    /// A timestamp, counted on beyond 32 bits: the nearest to the last one.
    fn counted(&self, timestamp: u32) -> i64 {
        let Some(last) = self.last else { return timestamp.into() };
        let low = u32::try_from(last.rem_euclid(1 << 32)).unwrap_or(0);
        last + i64::from(timestamp.wrapping_sub(low).cast_signed())
    }

    fn nanoseconds(&self, ticks: i64) -> i64 {
        let exact = i128::from(ticks) * i128::from(SECOND) / i128::from(self.rate);
        i64::try_from(exact).unwrap_or(i64::MAX)
    }

    /// To the nearest tick.
    fn ticks(&self, nanoseconds: i64) -> i64 {
        let (rate, second) = (i128::from(self.rate), i128::from(SECOND));
        i64::try_from((i128::from(nanoseconds) * rate + second / 2).div_euclid(second)).unwrap_or(i64::MAX)
    }
}

fn nanoseconds(moment: Instant, begun: Instant) -> i64 {
    i64::try_from(moment.saturating_duration_since(begun).as_nanos()).unwrap_or(i64::MAX)
}

fn ntp_nanoseconds(ntp: u64) -> i128 {
    (i128::from(ntp) * i128::from(SECOND)) >> 32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[allow(clippy::disallowed_methods, reason = "any moment will do")]
    fn begin() -> Instant {
        Instant::now()
    }

    fn reading(milliseconds: u64, timestamp: u32) -> ClockReading {
        ClockReading { ntp: (3_900_000_000 << 32) + (milliseconds << 32) / 1_000, timestamp }
    }

    #[test]
    fn ticks_are_counted_over_the_end_of_32_bits() {
        let begun = begin();
        let mut timeline = Timeline::new([90_000]);
        let at = |ms| begun + Duration::from_millis(ms);
        assert_eq!(timeline.place(0, u32::MAX - 899, at(100)), Some(0));
        assert_eq!(timeline.place(0, 2_100, at(133)), Some(3_000));
        assert_eq!(timeline.place(0, 600, at(134)), Some(1_500), "what comes earlier in time");
        assert_eq!(timeline.place(0, 2_100, at(134)), Some(3_000));
        assert_eq!(timeline.place(1, 0, begun), None);
    }

    #[test]
    fn reports_tie_tracks_and_only_forward() {
        for (sound_is_early, expected) in [(true, (50, 0)), (false, (0, 50))] {
            let begun = begin();
            let mut timeline = Timeline::new([48_000, 90_000]);
            let (sound, video) = (timeline.place(0, 0, begun), timeline.place(1, 0, begun));
            assert_eq!((sound, video), (Some(0), Some(0)));
            // Taken 50 ms apart, though they came together.
            let (a, b) = if sound_is_early { (50, 0) } else { (0, 50) };
            timeline.report(1, reading(1_000 + b, 0));
            timeline.report(0, reading(1_000 + a, 0));
            let sound = timeline.place(0, 48_000, begun + Duration::from_secs(1)).unwrap() / 48 - 1_000;
            let video = timeline.place(1, 90_000, begun + Duration::from_secs(1)).unwrap() / 90 - 1_000;
            assert_eq!((sound, video), expected);
        }
    }

    #[test]
    fn nonsense_moves_nothing_and_drift_is_corrected_late() {
        let begun = begin();
        let mut timeline = Timeline::new([48_000, 90_000]);
        let at = |ms: u64| begun + Duration::from_millis(ms);
        timeline.report(0, reading(0, 0));
        timeline.place(0, 0, begun);
        timeline.place(1, 0, begun);
        timeline.report(1, reading(0, 0));
        timeline.report(1, ClockReading { ntp: 0, timestamp: 0 });
        timeline.report(1, ClockReading { ntp: u64::MAX, timestamp: 7 });
        assert_eq!(timeline.place(1, 9_000, at(100)), Some(9_000));
        timeline.report(1, reading(1_030, 90_000));
        assert_eq!(timeline.place(1, 90_000, at(1_000)), Some(90_000));
        timeline.report(1, reading(2_050, 180_000));
        assert_eq!(timeline.place(1, 180_000, at(2_000)), Some(184_500));
    }

    #[test]
    fn a_clock_that_jumps_is_set_by_arrival() {
        let begun = begin();
        let mut timeline = Timeline::new([90_000]);
        timeline.place(0, 5, begun);
        assert_eq!(timeline.place(0, 2_000_000_000, begun + Duration::from_secs(2)), Some(180_000));
    }
}
