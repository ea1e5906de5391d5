//! When a schedule ticks. All ticks are whole seconds.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound};
use veza_core::Timestamp;

use super::cron::Cron;
use super::zone::Zone;
use crate::error::Error;

/// The longest interval: 366 days.
pub const MAX_EVERY: Duration = Duration::from_hours(366 * 24);

/// For how long a tick is searched. Feb 29 on one day of the week comes at least every 40 years.
const SEARCH: i64 = 50 * 366 * 86_400;

/// When a schedule ticks.
///
/// ```
/// use veza_jobs::schedule::Timing;
///
/// let timing = Timing::cron("30 2 * * *", "Europe/Vienna").unwrap();
/// // In the night when clocks go from 2 to 3, half past two is three o'clock.
/// let night = "2026-03-28T12:00:00Z".parse().unwrap();
/// assert_eq!(timing.next(night).unwrap().to_rfc3339(), "2026-03-29T01:00:00+00:00");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Cron(Arc<Cron>, Zone),
    Every { seconds: i64, anchor: i64 },
}

impl Timing {
    /// At the times of a [`Cron`] expression in a [`Zone`].
    pub fn cron(expression: &str, zone: &str) -> Result<Self, Error> {
        Ok(Self(Kind::Cron(Arc::new(expression.parse()?), zone.parse()?)))
    }

    /// Once an interval, from `anchor` on, where the first tick would be: whole seconds, from one to
    /// [`MAX_EVERY`].
    pub fn every(interval: Duration, anchor: Timestamp) -> Result<Self, Error> {
        let rule = "whole seconds, from 1 to 31622400";
        let refused = || Error::field("/every_seconds", "out_of_range", rule);
        let whole = interval.subsec_nanos() == 0 && interval.as_secs() > 0 && interval <= MAX_EVERY;
        let seconds = i64::try_from(interval.as_secs()).ok().filter(|_| whole).ok_or_else(refused)?;
        Ok(Self(Kind::Every { seconds, anchor: anchor.trunc_subsecs(0).timestamp() }))
    }

    /// The first tick after `moment`; none when there is none for decades.
    pub fn next(&self, moment: Timestamp) -> Option<Timestamp> {
        self.next_second(moment.timestamp()).and_then(|tick| DateTime::from_timestamp(tick, 0))
    }

    /// The next `count` ticks after `moment`: what a schedule would do.
    pub fn next_times(&self, moment: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next(moment), |tick| self.next(*tick)).take(count).collect()
    }

    /// Expression, zone, seconds of an interval and its anchor, as the table has them.
    pub(super) fn columns(&self) -> (Option<&str>, &str, Option<i64>, Option<Timestamp>) {
        match &self.0 {
            Kind::Cron(cron, zone) => (Some(cron.as_str()), zone.name(), None, None),
            Kind::Every { seconds, anchor } => {
                (None, "UTC", Some(*seconds), DateTime::from_timestamp(*anchor, 0))
            }
        }
    }

    pub(super) fn next_second(&self, after: i64) -> Option<i64> {
        match &self.0 {
            Kind::Every { seconds, anchor } => {
                let passed = after.checked_sub(*anchor)?.div_euclid(*seconds).checked_add(1)?;
                anchor.checked_add(passed.max(0).checked_mul(*seconds)?)
            }
            Kind::Cron(cron, zone) if cron.is_fixed() => next_wall_time(cron, zone, after),
            Kind::Cron(cron, zone) => next_shown(cron, zone, after),
        }
    }

    /// The last tick from `from` to `until`, both included.
    pub(super) fn latest(&self, from: i64, until: i64) -> Option<i64> {
        let tick_after = |moment: i64| self.next_second(moment).filter(|tick| *tick <= until);
        let mut latest = tick_after(from - 1)?;
        // No tick comes after `high`.
        let mut high = until;
        while latest < high {
            let middle = latest.midpoint(high);
            match tick_after(middle) {
                Some(tick) => latest = tick,
                None => high = middle,
            }
        }
        Some(latest)
    }
}

/// The next wall time that matches, each once.
fn next_wall_time(cron: &Cron, zone: &Zone, after: i64) -> Option<i64> {
    let shown = after.checked_add(zone.offset(after))?;
    let mut wall = match end_of_repetition(zone, after, shown) {
        Some(end) => cron.next_wall(end, true)?,
        None => cron.next_wall(shown, false)?,
    };
    loop {
        match zone.first_moment(wall)? {
            tick if tick > after => return Some(tick),
            _ if wall - shown > SEARCH => return None,
            _ => wall = cron.next_wall(wall, false)?,
        }
    }
}

/// Whether clocks show again what they have shown, and if so up to which wall time.
fn end_of_repetition(zone: &Zone, at: i64, shown: i64) -> Option<i64> {
    let moved = zone.last_transition(at)?;
    let end = moved.checked_add(zone.offset(moved - 1))?;
    (shown < end && zone.offset(moved) < zone.offset(moved - 1)).then_some(end)
}

/// The next moment at which clocks show a time that matches.
fn next_shown(cron: &Cron, zone: &Zone, after: i64) -> Option<i64> {
    let (mut from, mut inclusive) = (after, false);
    while from - after <= SEARCH {
        let offset = zone.offset(from);
        let tick = cron.next_wall(from.checked_add(offset)?, inclusive)?.checked_sub(offset)?;
        match zone.next_transition(from) {
            Some(moved) if moved <= tick => (from, inclusive) = (moved, true),
            _ => return Some(tick),
        }
    }
    None
}

#[cfg(test)]
mod tests;
