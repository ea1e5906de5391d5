//! The rules of a channel.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use veza_core::FieldError;

use crate::codec::Codec;
use crate::schema::channels;

/// The rules of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ChannelSettings {
    /// Whether what is published is recorded.
    pub recording: bool,
    /// Whether a second publisher takes the place of the first, instead of being refused.
    pub take_over: bool,
    /// The codecs that may be published; all when empty.
    pub codecs: Vec<Codec>,
    /// Viewers at once; as many as the deployment allows when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_viewers: Option<u32>,
    /// The most that may be published, in kbit/s; as much as the deployment allows when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_kbps: Option<u32>,
}

/// What to change; what is absent stays, and `null` takes a limit away.
#[allow(clippy::option_option, reason = "absent and null are told apart")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ChannelChange {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// 1,000 characters at most; none when empty.
    pub description: Option<String>,
    /// Whether what is published from now on is recorded.
    pub recording: Option<bool>,
    /// Whether a second publisher takes the place of the first.
    pub take_over: Option<bool>,
    /// The codecs that may be published; all when empty.
    pub codecs: Option<Vec<Codec>>,
    /// Viewers at once, 1 or more.
    #[serde(deserialize_with = "present")]
    pub max_viewers: Option<Option<u32>>,
    /// The most that may be published, in kbit/s, 16 to 1,000,000.
    #[serde(deserialize_with = "present")]
    pub max_kbps: Option<Option<u32>>,
}

/// Tells `null` from what is absent.
#[allow(clippy::option_option, reason = "absent and null are told apart")]
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    source: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(source).map(Some)
}

impl ChannelSettings {
    /// The codecs that may be published, in the order of preference.
    pub fn allowed_codecs(&self) -> Vec<Codec> {
        let allowed = |codec: &Codec| self.codecs.is_empty() || self.codecs.contains(codec);
        Codec::ALL.into_iter().filter(allowed).collect()
    }

    pub(super) fn changed(&self, change: &ChannelChange) -> Self {
        Self {
            recording: change.recording.unwrap_or(self.recording),
            take_over: change.take_over.unwrap_or(self.take_over),
            codecs: change.codecs.clone().unwrap_or_else(|| self.codecs.clone()),
            max_viewers: change.max_viewers.unwrap_or(self.max_viewers),
            max_kbps: change.max_kbps.unwrap_or(self.max_kbps),
        }
    }

    /// What breaks a rule.
    pub(super) fn errors(&self) -> Vec<FieldError> {
        let viewers = self.max_viewers.is_none_or(|most| (1..=1_000_000).contains(&most));
        let kbps = self.max_kbps.is_none_or(|most| (16..=1_000_000).contains(&most));
        let codecs = self.codecs.len() <= Codec::ALL.len();
        [
            (viewers, "/max_viewers", "out_of_range", "1 to 1000000"),
            (kbps, "/max_kbps", "out_of_range", "16 to 1000000"),
            (codecs, "/codecs", "too_many", "each codec once"),
        ]
        .into_iter()
        .filter(|(holds, ..)| !holds)
        .map(|(_, field, code, rule)| FieldError::new(field, code, rule))
        .collect()
    }
}

/// The columns that hold them.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = channels, treat_none_as_null = true)]
pub(crate) struct Row {
    recording: bool,
    take_over: bool,
    codecs: Vec<String>,
    max_viewers: Option<i32>,
    max_kbps: Option<i32>,
}

impl From<&ChannelSettings> for Row {
    fn from(settings: &ChannelSettings) -> Self {
        let number = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok());
        Self {
            recording: settings.recording,
            take_over: settings.take_over,
            codecs: settings.codecs.iter().map(|codec| codec.name().to_owned()).collect(),
            max_viewers: number(settings.max_viewers),
            max_kbps: number(settings.max_kbps),
        }
    }
}

impl From<Row> for ChannelSettings {
    fn from(row: Row) -> Self {
        let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
        Self {
            recording: row.recording,
            take_over: row.take_over,
            codecs: row.codecs.iter().filter_map(|name| Codec::of_name(name)).collect(),
            max_viewers: number(row.max_viewers),
            max_kbps: number(row.max_kbps),
        }
    }
}
