//! Cron expressions: which wall times are ticks. The clock that shows them is [`Zone`](super::Zone)'s.

use std::fmt;
use std::str::FromStr;

use chrono::DateTime;
use croner::parser::{CronParser, Seconds, Year};

use crate::error::Error;

/// A cron expression: five fields, six with the second in front, or `@hourly`, `@daily`, `@weekly`,
/// `@monthly`, `@yearly`. Fields are those of the Open Cron Pattern Specification: names, ranges, steps,
/// `L`, `W` and `#`. When both days are given, either is enough.
#[derive(Debug, Clone)]
pub struct Cron {
    text: String,
    pattern: croner::Cron,
    fixed: bool,
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl Eq for Cron {}

const NICKNAMES: [&str; 7] =
    ["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"];

impl FromStr for Cron {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |rule: String| Error::field("/cron", "malformed", rule);
        let fields: Vec<&str> = text.split_whitespace().collect();
        let text = fields.join(" ");
        let known = matches!(fields.len(), 5 | 6) || NICKNAMES.contains(&text.as_str());
        if !known || text.len() > 200 {
            return Err(refused("five or six fields in 200 bytes, or a name such as @daily".to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let pattern = parser.parse(&text).map_err(|error| refused(error.to_string()))?;
        let times = fields.len().saturating_sub(3);
        let wild = |field: &&str| field.contains(['*', '?']);
        let fixed = text != "@hourly" && !fields.iter().take(times).any(wild);
        let cron = Self { text, pattern, fixed };
        // 2000 begins a period of the calendar, so what does not come then never comes.
        if cron.next_wall(946_684_800, true).is_none() {
            return Err(refused("a time that comes: there is no such day".to_owned()));
        }
        Ok(cron)
    }
}

impl Cron {
    /// The expression, with single blanks.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it means wall times, and not all moments at which a clock shows a matching time.
    pub fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// The next matching wall time. Wall times are the seconds since 1970 that a clock in UTC would show.
    pub(super) fn next_wall(&self, after: i64, inclusive: bool) -> Option<i64> {
        let after = DateTime::from_timestamp(after, 0)?;
        self.pattern.find_next_occurrence(&after, inclusive).ok().map(|next| next.timestamp())
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_expression_or_never_comes_is_refused() {
        for wrong in [
            "",
            "* * * *",
            "* * * * * * *",
            "60 * * * *",
            "0 0 30 2 *",
            "@often",
            "a b c d e",
            "0 0 * * MOON",
            "*/0 * * * *",
        ] {
            let Err(Error::Invalid(fields)) = wrong.parse::<Cron>() else { panic!("{wrong}") };
            assert_eq!(fields[0].field, "/cron", "{wrong}");
        }
        for right in ["0 0 29 2 *", "*/5 * * * * *", "0 9 * * MON-FRI", "0 0 L * *", "@daily", " 0  9 * * * "]
        {
            assert!(right.parse::<Cron>().is_ok(), "{right}");
        }
    }

    #[test]
    fn only_times_without_stars_are_fixed() {
        let fixed = |text: &str| text.parse::<Cron>().unwrap().is_fixed();
        assert!(fixed("30 2 * * *") && fixed("0,30 9-17 * * *") && fixed("0 0 9 1 * *") && fixed("@daily"));
        assert!(
            !fixed("*/15 * * * *") && !fixed("0 * * * *") && !fixed("@hourly") && !fixed("*/10 0 9 * * *")
        );
    }
}
