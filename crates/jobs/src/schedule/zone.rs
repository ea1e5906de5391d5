//! Zones of the IANA database: what clocks show at a moment, and when that changes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::error::Error;

/// A time zone of the IANA database, such as `Europe/Vienna`: the system's copy where there is one, else
/// the one that is built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The name in the database.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What clocks show beyond UTC at the second `at`.
    pub(super) fn offset(&self, at: i64) -> i64 {
        timestamp(at).map_or(0, |at| self.0.to_offset(at).seconds().into())
    }

    /// When clocks are moved next after `at`.
    pub(super) fn next_transition(&self, at: i64) -> Option<i64> {
        let transition = self.0.following(timestamp(at)?).next()?;
        Some(transition.timestamp().as_second())
    }

    /// When they were moved last, `at` included.
    pub(super) fn last_transition(&self, at: i64) -> Option<i64> {
        let transition = self.0.preceding(timestamp(at.checked_add(1)?)?).next()?;
        Some(transition.timestamp().as_second())
    }

    /// When clocks show a wall time: for the first time if they show it twice, and the first moment after
    /// if they skip it.
    pub(super) fn first_moment(&self, wall: i64) -> Option<i64> {
        let civil = Offset::UTC.to_datetime(timestamp(wall)?);
        match self.0.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => wall.checked_sub(offset.seconds().into()),
            AmbiguousOffset::Fold { before, .. } => wall.checked_sub(before.seconds().into()),
            AmbiguousOffset::Gap { after, .. } => {
                self.next_transition(wall.checked_sub(after.seconds().into())?)
            }
        }
    }
}

fn timestamp(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let refused = || Error::field("/zone", "unknown", "a name of the IANA time zone database");
        if name.eq_ignore_ascii_case("UTC") {
            return Ok(Self::UTC);
        }
        let zone = TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some());
        zone.map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_database() {
        assert_eq!("europe/vienna".parse::<Zone>().unwrap().name(), "Europe/Vienna");
        assert_eq!("utc".parse::<Zone>().unwrap(), Zone::UTC);
        for wrong in
            ["", "Mars/Olympus", "+02:00", "../../etc/passwd", "/etc/localtime", "EST5EDT,M3.2.0,M11.1.0"]
        {
            let Err(Error::Invalid(fields)) = wrong.parse::<Zone>() else { panic!("{wrong}") };
            assert_eq!(fields[0].field, "/zone");
        }
    }
}
