//! What can be set of a queue.

use diesel::QueryableByName;
use diesel::sql_types::Integer;
use serde::Deserialize;
use veza_core::FieldError;

use super::MAX_VISIBILITY_SECONDS;
use super::message::MAX_DELAY_SECONDS;
use crate::error::Error;

/// A change of a queue's settings; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct QueueChange {
    /// How long a received message stays with its receiver, in seconds, 0 to 43200, from the next
    /// receive on. 300 in a new queue.
    #[serde(default)]
    pub visibility_timeout_seconds: Option<i32>,
    /// How long a message waits after it was sent, in seconds, 0 to 900, unless the message says. For
    /// messages sent from now on. 0 in a new queue.
    #[serde(default)]
    pub delay_seconds: Option<i32>,
    /// How often a message is received before it becomes a dead letter, 1 to 1000. For messages sent
    /// from now on. 5 in a new queue.
    #[serde(default)]
    pub max_receives: Option<i32>,
    /// The bytes of a message at most: its body as JSON, and names and values of its attributes. 1 to
    /// 1048576, as far as `web.body_limit` lets a request have. 262144 in a new queue.
    #[serde(default)]
    pub max_message_bytes: Option<i32>,
    /// How long a message is kept, in seconds, 60 to 1209600: from when it was sent, and as a dead letter
    /// from when it died. 345600 (four days) in a new queue.
    #[serde(default)]
    pub retention_seconds: Option<i32>,
}

/// The settings of a queue, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub(crate) struct Settings {
    #[diesel(sql_type = Integer)]
    pub(crate) visibility_timeout_seconds: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) delay_seconds: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) max_receives: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) max_message_bytes: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) retention_seconds: i32,
}

impl Settings {
    /// Those of a queue of which nothing is said.
    pub(crate) const DEFAULT: Self = Self {
        visibility_timeout_seconds: 300,
        delay_seconds: 0,
        max_receives: 5,
        max_message_bytes: 262_144,
        retention_seconds: 345_600,
    };

    /// The settings after a change, or all the rules that it breaks.
    pub(crate) fn changed(self, change: &QueueChange) -> Result<Self, Error> {
        let mut broken = Vec::new();
        let mut within = |new: Option<i32>, old: i32, range: (i32, i32), field: &'static str| {
            let value = new.unwrap_or(old);
            if !(range.0..=range.1).contains(&value) {
                let rule = format!("from {} to {}", range.0, range.1);
                broken.push(FieldError::new(field, "out_of_range", rule));
            }
            value
        };
        let settings = Self {
            visibility_timeout_seconds: within(
                change.visibility_timeout_seconds,
                self.visibility_timeout_seconds,
                (0, MAX_VISIBILITY_SECONDS),
                "/visibility_timeout_seconds",
            ),
            delay_seconds: within(
                change.delay_seconds,
                self.delay_seconds,
                (0, MAX_DELAY_SECONDS),
                "/delay_seconds",
            ),
            max_receives: within(change.max_receives, self.max_receives, (1, 1_000), "/max_receives"),
            max_message_bytes: within(
                change.max_message_bytes,
                self.max_message_bytes,
                (1, 1_048_576),
                "/max_message_bytes",
            ),
            retention_seconds: within(
                change.retention_seconds,
                self.retention_seconds,
                (60, 1_209_600),
                "/retention_seconds",
            ),
        };
        if broken.is_empty() { Ok(settings) } else { Err(Error::Invalid(broken)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_breaks_is_told() {
        let change = QueueChange {
            visibility_timeout_seconds: Some(43_201),
            delay_seconds: Some(-1),
            max_receives: Some(0),
            max_message_bytes: Some(0),
            retention_seconds: Some(59),
        };
        let Err(Error::Invalid(broken)) = Settings::DEFAULT.changed(&change) else { panic!("accepted") };
        assert_eq!(broken.len(), 5);
        let change = QueueChange { visibility_timeout_seconds: Some(0), ..QueueChange::default() };
        assert_eq!(Settings::DEFAULT.changed(&change).unwrap().visibility_timeout_seconds, 0);
    }
}
