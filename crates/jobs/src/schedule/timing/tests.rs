//! Each rule over all zones and all their transitions from 1970 to 2100.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400;
/// 2100-01-01.
const END: i64 = 4_102_444_800;

fn cron(expression: &str, zone: &str) -> Timing {
    Timing::cron(expression, zone).unwrap()
}

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().timestamp()
}

fn ticks(timing: &Timing, from: i64, until: i64) -> Vec<i64> {
    let mut ticks = Vec::new();
    let mut after = from - 1;
    while let Some(tick) = timing.next_second(after).filter(|tick| *tick < until) {
        assert!(tick > after, "{timing:?} goes back at {after}");
        ticks.push(tick);
        after = tick;
    }
    ticks
}

fn shown(timing: &Timing, from: &str, until: &str) -> Vec<String> {
    let text = |tick: &i64| DateTime::from_timestamp(*tick, 0).unwrap().format("%dT%H:%M").to_string();
    ticks(timing, at(from), at(until)).iter().map(text).collect()
}

/// Zones, one of those that never differ since 1970, with the moments at which their clocks are moved.
fn zones() -> Vec<(Zone, Vec<i64>)> {
    let mut different = HashSet::new();
    let mut zones = Vec::new();
    for name in jiff::tz::db().available() {
        let Ok(zone) = name.as_str().parse::<Zone>() else { continue };
        let next = |moment: &i64| zone.next_transition(*moment).filter(|moved| *moved < END);
        let moved: Vec<i64> = std::iter::successors(next(&0), next).collect();
        let offsets: Vec<i64> = moved.iter().map(|moved| zone.offset(*moved)).collect();
        if different.insert((zone.offset(0), moved.clone(), offsets)) {
            zones.push((zone, moved));
        }
    }
    assert!(zones.len() > 200, "{}", zones.len());
    zones
}

/// What a fixed expression means, slowly: each wall time, at the first second at which clocks show it or a
/// later one, once.
fn reference(zone: &Zone, seconds_of_day: i64, from: i64, until: i64) -> Vec<i64> {
    let mut first_moments = BTreeMap::new();
    let mut furthest = i64::MIN;
    for minute in (from - 2 * DAY..until).step_by(60) {
        let wall = minute + zone.offset(minute);
        // Wall times that clocks have gone past for the first time now.
        let mut due = (furthest.max(wall - 2 * DAY)).div_euclid(DAY) * DAY + seconds_of_day;
        while due <= wall {
            if due > furthest && furthest != i64::MIN {
                first_moments.insert(minute, due);
            }
            due += DAY;
        }
        furthest = furthest.max(wall);
    }
    first_moments.into_keys().filter(|tick| (from..until).contains(tick)).collect()
}

#[test]
fn a_wall_time_that_is_skipped_runs_at_the_end_of_the_gap() {
    let skipped = cron("30 2 * * *", "Europe/Vienna");
    assert_eq!(
        shown(&skipped, "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z"),
        ["28T01:30", "29T01:00", "30T00:30"]
    );
    let both = cron("15,45 2 * * *", "Europe/Vienna");
    assert_eq!(shown(&both, "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z"), ["29T01:00"]);
    // The day that Samoa skipped.
    let daily = cron("0 12 * * *", "Pacific/Apia");
    assert_eq!(
        shown(&daily, "2011-12-29T12:00:00Z", "2011-12-31T23:59:00Z"),
        ["29T22:00", "30T10:00", "30T22:00", "31T22:00"]
    );
}

#[test]
fn a_wall_time_that_comes_twice_runs_once() {
    let twice = cron("30 2 * * *", "Europe/Vienna");
    assert_eq!(
        shown(&twice, "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z"),
        ["24T00:30", "25T00:30", "26T01:30"]
    );
    // Asked in the middle of the second time.
    assert_eq!(twice.next_second(at("2026-10-25T01:10:00Z")), Some(at("2026-10-26T01:30:00Z")));
}

#[test]
fn what_repeats_goes_by_elapsed_time() {
    let quarters = cron("*/15 * * * *", "Europe/Vienna");
    for (from, until) in
        [("2026-10-24T22:00:00Z", "2026-10-25T04:00:00Z"), ("2026-03-28T22:00:00Z", "2026-03-29T04:00:00Z")]
    {
        assert_eq!(ticks(&quarters, at(from), at(until)).len(), 24);
    }
    let hourly = cron("@hourly", "America/New_York");
    assert_eq!(ticks(&hourly, at("2026-11-01T00:00:00Z"), at("2026-11-02T00:00:00Z")).len(), 24);
    let night = cron("*/30 2 * * *", "Europe/Vienna");
    assert_eq!(ticks(&night, at("2026-10-25T00:00:00Z"), at("2026-10-25T12:00:00Z")).len(), 4);
    assert!(ticks(&night, at("2026-03-29T00:00:00Z"), at("2026-03-29T12:00:00Z")).is_empty());
}

#[test]
fn at_every_transition_each_fixed_wall_time_comes_once() {
    for (zone, moved) in zones() {
        for moment in moved {
            // A wall time that is skipped or comes twice here, if the offset changes.
            let (before, after) = (zone.offset(moment - 1), zone.offset(moment));
            let middle = (moment + i64::midpoint(before, after)).div_euclid(60) * 60;
            let wall = middle.rem_euclid(DAY);
            let timing = cron(&format!("{} {} * * *", wall / 60 % 60, wall / 3_600), zone.name());
            let (from, until) = (moment - 2 * DAY, moment + 2 * DAY);
            let ticks = ticks(&timing, from, until);
            assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{zone} {moment}");
            let first: Vec<i64> = (-3..=3)
                .filter_map(|day| zone.first_moment(middle + day * DAY))
                .filter(|tick| (from..until).contains(tick))
                .collect();
            let mut once = first.clone();
            once.dedup();
            assert_eq!(ticks, once, "{zone} {moment} {timing:?}");
        }
    }
}

#[test]
fn at_every_transition_what_repeats_comes_at_all_matching_moments() {
    for (zone, moved) in zones() {
        let timing = cron("*/15 * * * *", zone.name());
        for moment in moved {
            let (from, until) = (moment - 3 * 3_600, moment + 3 * 3_600);
            let matching = |second: &i64| (second + zone.offset(*second)).rem_euclid(900) == 0;
            // Of all seconds, those that match under any offset of these hours.
            let candidates: BTreeSet<i64> = [from, moment - 1, moment, until - 1]
                .into_iter()
                .flat_map(|second| {
                    let first = from + (-(from + zone.offset(second))).rem_euclid(900);
                    (first..until).step_by(900)
                })
                .collect();
            let expected: Vec<i64> = candidates.into_iter().filter(matching).collect();
            assert_eq!(ticks(&timing, from, until), expected, "{zone} {moment}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn fixed_times_are_those_of_the_slow_reference(
        zone in prop::sample::select(vec![
            "Europe/Vienna", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia",
            "Africa/Casablanca", "Asia/Tehran", "America/Santiago", "Antarctica/Troll", "Asia/Kathmandu", "UTC",
        ]),
        year in 1972_i64..2099, day in 0_i64..365, minute in 0_i64..1_440, nearby in any::<prop::sample::Index>(),
    ) {
        let parsed: Zone = zone.parse().unwrap();
        let around = (year - 1970) * 365 * DAY + day * DAY;
        // Half of the time close to a transition.
        let close = parsed.next_transition(around).filter(|moved| nearby.index(2) == 0 && moved % 60 == 0);
        let from = close.unwrap_or(around) - 2 * DAY;
        let timing = cron(&format!("{} {} * * *", minute % 60, minute / 60), zone);
        let ticks = ticks(&timing, from, from + 4 * DAY);
        prop_assert_eq!(&ticks, &reference(&parsed, minute * 60, from, from + 4 * DAY));
        for pair in ticks.windows(2) {
            prop_assert!(pair[1] - pair[0] <= DAY + 4 * 3_600 , "a day without its tick");
        }
    }

    #[test]
    fn the_latest_tick_is_the_last_of_all(
        minute in 0_u8..60, hour in 0_u8..24, from in 0_i64..1_000_000_000, hours in 0_i64..400,
    ) {
        let timing = cron(&format!("{minute} {hour} * * *"), "Europe/Vienna");
        let until = from + hours * 3_600;
        prop_assert_eq!(timing.latest(from, until), ticks(&timing, from, until + 1).last().copied());
    }

    #[test]
    fn intervals_know_no_clock(seconds in 1_u64..100_000, anchor in 0_i64..2_000_000_000, passed in -1_000..1_000_000_i64) {
        let anchored = DateTime::from_timestamp(anchor, 0).unwrap();
        let timing = Timing::every(Duration::from_secs(seconds), anchored).unwrap();
        let next = timing.next_second(anchor + passed).unwrap();
        let seconds = i64::try_from(seconds).unwrap();
        prop_assert!(next > anchor + passed && next >= anchor && (next - anchor) % seconds == 0);
        prop_assert!(next == anchor || next - seconds <= anchor + passed);
    }
}

#[test]
fn rare_days_are_found() {
    let leap = cron("0 0 29 2 *", "Europe/Vienna");
    assert_eq!(leap.next_second(at("2096-03-01T00:00:00Z")), Some(at("2104-02-28T23:00:00Z")));
    let shown = cron("* * 29 2 *", "Africa/Casablanca");
    assert!(shown.next_second(at("2096-03-01T00:00:00Z")).is_some());
}

#[test]
fn an_interval_is_whole_seconds() {
    for wrong in [Duration::ZERO, Duration::from_millis(1_500), MAX_EVERY + Duration::from_secs(1)] {
        let Err(Error::Invalid(fields)) = Timing::every(wrong, Timestamp::default()) else {
            panic!("{wrong:?}")
        };
        assert_eq!(fields[0].field, "/every_seconds");
    }
}
