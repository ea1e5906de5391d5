//! Rules for what comes from outside, and their broken ones.

use std::collections::BTreeMap;

use serde_json::Value;
use veza_core::FieldError;

use crate::Error;

/// Collects the broken rules of one input, so that all are told at once.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<FieldError>);

impl Rules {
    pub(crate) fn check(&mut self, field: &str, holds: bool, code: &'static str, rule: &'static str) {
        if !holds {
            self.0.push(FieldError::new(field.to_owned(), code, rule));
        }
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }

    /// Names with texts: at most `most` pairs, names of 1 to 128 characters, values of at most `longest`.
    pub(crate) fn pairs(
        &mut self,
        field: &str,
        pairs: &BTreeMap<String, String>,
        most: usize,
        longest: usize,
    ) {
        self.check(field, pairs.len() <= most, "too_many", "at most 50 names for tags, 100 for metadata");
        let name = |name: &str| (1..=128).contains(&name.chars().count()) && is_text(name);
        self.check(
            field,
            pairs.keys().all(|key| name(key)),
            "name",
            "names of 1 to 128 characters, none of them control characters",
        );
        let value = |value: &str| value.chars().count() <= longest && is_text(value);
        self.check(
            field,
            pairs.values().all(|text| value(text)),
            "value",
            "values of at most 256 characters for tags, 2048 for metadata, none of them control characters",
        );
    }

    /// A media type as in `Content-Type` (RFC 9110, section 8.3.1).
    pub(crate) fn content_type(&mut self, field: &str, text: &str) {
        self.check(
            field,
            is_media_type(text),
            "content_type",
            "a media type such as image/png, of at most 255 characters",
        );
    }
}

/// Whether a text can stand in a header and be read by people.
pub(crate) fn is_text(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// A token of RFC 9110, section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

pub(crate) fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let halves = essence.split_once('/');
    text.len() <= 255
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        && !has_several(text)
        && halves.is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
}

/// Whether there is a comma outside of quotes: browsers take what is behind it for the type.
fn has_several(text: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    }) || quoted
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(nibble.into(), 16));
        }
        text
    })
}

/// The pairs of an object that we wrote.
pub(crate) fn pairs(value: Value) -> BTreeMap<String, String> {
    serde_json::from_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_told_from_other_texts() {
        for good in ["text/plain", "text/html; charset=utf-8", "application/vnd.x+json"] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in
            ["", "text", "/", "text/", "te xt/plain", "text/plain\r\nx: y", "text/é", &"a/b".repeat(100)]
        {
            assert!(!is_media_type(bad), "{bad}");
        }
    }
}
