//! What a rule says.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::input::{Rules, is_text};
use crate::key::MAX_KEY;

/// The most rules of a bucket.
pub const MAX_RULES: usize = 100;

const DAYS: std::ops::RangeInclusive<i32> = 1..=36_500;

/// Which objects of a bucket go by themselves, and when. Days are counted in hours of 24 from the moment they say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Rule {
    /// Its name in the bucket, of 1 to 64 characters.
    pub id: String,
    /// Whether it is obeyed.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// It is about keys that begin so; about all when empty.
    #[serde(default)]
    pub prefix: String,
    /// Objects are deleted so many days after they were stored. With versioning they stay as versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after_days: Option<i32>,
    /// Which versions that are not current are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent: Option<Noncurrent>,
    /// Uploads in parts are ended so many days after they began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_after_days: Option<i32>,
    /// When bytes are moved to where keeping is cheap and reading is not. Only where the backend has such a tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<Cold>,
}

/// Which versions that are not current are deleted: those to which all of it applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Noncurrent {
    /// Those that ended so many days ago, or longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_days: Option<i32>,
    /// All but so many of the newest of each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<i32>,
}

/// When bytes are moved to the cold tier. Those of less than 128 KiB stay, because moving them costs more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Cold {
    /// So many days after the bytes were stored.
    #[serde(default = "ninety")]
    pub after_days: i32,
}

impl Default for Cold {
    fn default() -> Self {
        Self { after_days: ninety() }
    }
}

const fn yes() -> bool {
    true
}

const fn ninety() -> i32 {
    90
}

/// Notes what breaks a rule about rules. `tiers`: the backend has a cold tier.
pub(super) fn check(all: &[Rule], tiers: bool, rules: &mut Rules) {
    rules.check("/rules", all.len() <= MAX_RULES, "too_many", "at most 100 rules");
    let mut names = BTreeSet::new();
    for (at, rule) in all.iter().enumerate() {
        let mut check =
            |field: &str, holds, code, text| rules.check(&format!("/rules/{at}{field}"), holds, code, text);
        let days = |days: Option<i32>| days.is_none_or(|days| DAYS.contains(&days));
        let name = (1..=64).contains(&rule.id.chars().count()) && is_text(&rule.id);
        check("/id", name, "name", "1 to 64 characters, none of them control characters");
        check("/id", names.insert(&rule.id), "taken", "each rule has another name");
        let prefix = rule.prefix.len() <= MAX_KEY && !rule.prefix.contains('\0');
        check("/prefix", prefix, "length", "at most 1024 bytes, none of them NUL");
        check("/expire_after_days", days(rule.expire_after_days), "out_of_range", "1 to 36500");
        check("/abort_uploads_after_days", days(rule.abort_uploads_after_days), "out_of_range", "1 to 36500");
        let noncurrent = rule.noncurrent.unwrap_or_default();
        check("/noncurrent/after_days", days(noncurrent.after_days), "out_of_range", "1 to 36500");
        let keep = noncurrent.keep.is_none_or(|keep| (1..=1_000).contains(&keep));
        check("/noncurrent/keep", keep, "out_of_range", "1 to 1000");
        let said = rule.noncurrent.is_none_or(|say| say.after_days.is_some() || say.keep.is_some());
        check("/noncurrent", said, "empty", "after_days, keep, or both");
        check("/cold/after_days", days(rule.cold.map(|cold| cold.after_days)), "out_of_range", "1 to 36500");
        check(
            "/cold",
            tiers || rule.cold.is_none(),
            "unsupported",
            "only where the deployment has a cold tier",
        );
        let acts = rule.expire_after_days.is_some()
            || rule.noncurrent.is_some()
            || rule.abort_uploads_after_days.is_some()
            || rule.cold.is_some();
        check("", acts, "empty", "a rule says what happens");
    }
}
