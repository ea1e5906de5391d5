//! Queues by name.

use std::borrow::Cow;
use std::fmt;

use crate::error::Error;

/// Where jobs wait. Queues of programs and queues that tenants make for the pull API are two kinds
/// that never meet, whatever their names: nobody can make a queue that swallows a program's jobs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueName(Cow<'static, str>);

/// What the names of pull queues begin with in the database; no other name may hold a colon.
const PULL: &str = "pull:";

/// What stands for all pull queues of all tenants, where they count as one; no queue can have the name.
pub(crate) const ALL_PULL: &str = "pull:*";

/// The queue as it counts over all tenants; the database has the same rule.
pub(crate) fn counted_as(queue: &str) -> &str {
    if queue.starts_with(PULL) { ALL_PULL } else { queue }
}

impl QueueName {
    /// A program's queue: 1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, Error> {
        let name = name.into();
        if is_name(&name) { Ok(Self(name)) } else { Err(Error::QueueName) }
    }

    /// A tenant's queue of the pull API, with the same rule for its name.
    pub fn pull(name: &str) -> Result<Self, Error> {
        if is_name(name) { Ok(Self(format!("{PULL}{name}").into())) } else { Err(Error::QueueName) }
    }

    /// Either: `pull:` and the name of a queue of the pull API, or the name of a program's queue.
    pub fn parse(name: &str) -> Result<Self, Error> {
        match name.strip_prefix(PULL) {
            Some(name) => Self::pull(name),
            None => Self::new(name.to_owned()),
        }
    }

    /// As it is in the database, where it was checked before.
    pub(crate) fn stored(name: String) -> Self {
        Self(name.into())
    }

    /// The name without its kind.
    pub fn name(&self) -> &str {
        self.0.strip_prefix(PULL).unwrap_or(&self.0)
    }

    /// Whether workers pull from it over HTTP.
    pub fn is_pull(&self) -> bool {
        self.0.starts_with(PULL)
    }

    /// The name as the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_kinds_never_meet() {
        assert_eq!(QueueName::pull("mail").unwrap().as_str(), "pull:mail");
        assert_eq!(QueueName::pull("mail").unwrap().name(), "mail");
        for wrong in ["", "pull:mail", "Mail", "1mail", "a b", "é", &"a".repeat(64)] {
            assert!(QueueName::new(wrong.to_owned()).is_err(), "{wrong}");
            assert!(QueueName::pull(wrong).is_err(), "{wrong}");
        }
        assert!(
            QueueName::parse("pull:mail").unwrap().is_pull() && !QueueName::parse("mail").unwrap().is_pull()
        );
        for wrong in ["pull:", "pull:pull:mail", ":mail", "other:mail"] {
            assert!(QueueName::parse(wrong).is_err(), "{wrong}");
        }
        assert!(QueueName::new("property.events-2_x").is_ok());
        assert!(QueueName::parse(ALL_PULL).is_err() && QueueName::new("pull").is_ok());
        assert_eq!(
            ["pull:a", "pull:pull", "pull", "mail"].map(counted_as),
            [ALL_PULL, ALL_PULL, "pull", "mail"]
        );
    }
}
