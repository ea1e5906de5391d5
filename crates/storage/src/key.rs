//! Keys of objects: names that a tenant chooses within a bucket.

use std::fmt;

use veza_core::FieldError;

use crate::Error;

/// The most bytes of a key, as S3 has it.
pub const MAX_KEY: usize = 1_024;

/// The name of an object in its bucket: 1 to 1,024 bytes of UTF-8 without control characters, whose parts
/// between slashes are neither `.` nor `..`. It never becomes a path or a name in a backend; the rule is
/// for those who make paths of keys. Keys are compared byte by byte, so `é` in two ways of
/// writing is two keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// # Errors
    /// [`Error::Invalid`] when the rule is broken.
    pub fn new(key: impl Into<String>) -> Result<Self, Error> {
        Self::field("/key", key)
    }

    /// The same, for the field that it came in.
    pub(crate) fn field(field: &str, key: impl Into<String>) -> Result<Self, Error> {
        let key = key.into();
        let rule = if !(1..=MAX_KEY).contains(&key.len()) {
            ("length", "1 to 1024 bytes of UTF-8")
        } else if key.chars().any(char::is_control) {
            ("control", "no control characters")
        } else if key.split('/').any(|part| part == "." || part == "..") {
            ("dots", "no part between slashes is . or ..")
        } else {
            return Ok(Self(key));
        };
        Err(Error::Invalid(vec![FieldError::new(field.to_owned(), rule.0, rule.1)]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the last slash.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_names_and_others_are_refused() {
        let longest = "é".repeat(512);
        for good in
            ["a", "a/b/c.txt", "/", "a//b", " ", "…", "a..b", "...", ".env", "日本/\u{202e}x", &longest]
        {
            assert_eq!(ObjectKey::new(good).unwrap().as_str(), good);
        }
        let long = format!("{longest}x");
        for bad in ["", ".", "..", "a/../b", "../x", "a/.", "a\0b", "a\nb", "\u{7f}", &long] {
            assert!(ObjectKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
