//! Configuration: defaults, then a TOML file, then `VEZA_…` variables, then secrets from files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A value that must not be shown: it prints as `[secret]` wherever it is printed.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[secret]")
    }
}

/// A span of time, written as `500ms`, `10s`, `5m`, `2h` or `30d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

impl Period {
    /// Whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whole milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    /// The span.
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        // Within an i64 of milliseconds, so that it can be added to any date.
        let total = number.checked_mul(milliseconds).filter(|total| *total <= 3_650 * 86_400_000)?;
        Some(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            if milliseconds >= size && milliseconds.is_multiple_of(size) {
                return write!(f, "{}{unit}", milliseconds / size);
            }
        }
        write!(f, "{milliseconds}ms")
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format_args!(
                "`{text}` is not a span of time: a whole number and a unit (ms, s, m, h, d), at most 3650d"
            ))
        })
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h|d)$",
            "description": "A span of time: a whole number and a unit (ms, s, m, h, d).",
        })
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value or key is wrong; the text names the key and where it was set.
    #[error("{0}")]
    Invalid(Box<figment::Error>),
    /// The file named does not exist or cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Both the value and its file are set.
    #[error("{key} and {key}_file are both set; keep one")]
    Twice {
        /// The key of the value.
        key: &'static str,
    },
}

/// Variables with our prefix that are not keys: the command line and the build read them.
const NOT_KEYS: [&str; 5] = ["log", "config", "data", "admin_url", "pg_bindir"];

/// Layers the configuration: defaults, `file`, then variables such as
/// `VEZA_DATABASE__POOL__CONNECTIONS`. Unknown keys are errors.
pub fn load<T: Serialize + DeserializeOwned + Default>(file: Option<&Path>) -> Result<T, ConfigError> {
    load_over(&T::default(), file)
}

/// The same over other defaults: what the file or a variable says wins over them, even when it says
/// what the type's own default is. They hold no secrets, which do not survive being written.
pub fn load_over<T: Serialize + DeserializeOwned>(
    defaults: &T,
    file: Option<&Path>,
) -> Result<T, ConfigError> {
    let mut figment = Figment::from(Serialized::defaults(defaults));
    if let Some(path) = file {
        // Read here, because a missing file is an error for whoever named it.
        std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        figment = figment.merge(Toml::file_exact(path));
    }
    figment
        .merge(Env::prefixed("VEZA_").ignore(&NOT_KEYS).split("__"))
        .extract()
        .map_err(|error| ConfigError::Invalid(Box::new(error)))
}

/// Reads a secret from its file, when it has one: `key_file` stands for `key`.
pub fn read_secret(
    key: &'static str,
    value: &mut Option<Secret>,
    file: Option<&Path>,
) -> Result<(), ConfigError> {
    let Some(path) = file else { return Ok(()) };
    if value.is_some() {
        return Err(ConfigError::Twice { key });
    }
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    *value = Some(Secret::new(text.trim_end_matches(['\r', '\n'])));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_and_write() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("5m", 300), ("2h", 7_200), ("30d", 2_592_000)] {
            assert_eq!(Period::parse(text).unwrap().as_duration().as_secs(), seconds, "{text}");
        }
        for text in ["", "5", "s", "-1s", "1.5s", "5 s", "5S", "99999999999999999999s", "3651d"] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
        for text in ["500ms", "90s", "5m", "2h", "30d"] {
            assert_eq!(Period::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[secret]\"");
    }
}
