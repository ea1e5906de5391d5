//! Makes answers comparable: what differs in every run gets a name.

use std::collections::HashMap;

use chrono::DateTime;
use serde_json::Value;
use uuid::Uuid;

/// Replaces, in all strings of `value`, UUIDs by `[id-1]`, `[id-2]`, …, moments by `[time-1]`, … and
/// the values of fields named `token`, `…_token`, `…_secret` and `…cursor` by `[secret-1]`, ….
///
/// Equal values get equal names, so a snapshot still shows that an answer points at the thing that
/// was created. Fit for `insta::assert_json_snapshot!(redact(value))`.
pub fn redact(value: Value) -> Value {
    Names::default().value("", value)
}

#[derive(Default)]
struct Names {
    known: HashMap<String, String>,
    counts: HashMap<&'static str, u32>,
}

impl Names {
    fn value(&mut self, field: &str, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(field, text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(field, item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, item)| (name.clone(), self.value(&name, item))).collect()
            }
            other => other,
        }
    }

    fn text(&mut self, field: &str, text: String) -> String {
        if field == "token" || ["_token", "_secret", "cursor"].iter().any(|end| field.ends_with(end)) {
            return self.name("secret", text);
        }
        if DateTime::parse_from_rfc3339(&text).is_ok() {
            return self.name("time", text);
        }
        self.ids(&text)
    }

    /// UUIDs also stand in the middle of texts: `/v1/rooms/<id>`.
    fn ids(&mut self, text: &str) -> String {
        let is_part = |c: char| c.is_ascii_hexdigit() || c == '-';
        let mut named = String::new();
        let mut word = String::new();
        for c in text.chars().map(Some).chain([None]) {
            match c {
                Some(c) if is_part(c) => word.push(c),
                other => {
                    let whole = std::mem::take(&mut word);
                    let is_id = whole.len() == 36 && Uuid::parse_str(&whole).is_ok();
                    named.push_str(&if is_id { self.name("id", whole) } else { whole });
                    named.extend(other);
                }
            }
        }
        named
    }

    fn name(&mut self, kind: &'static str, value: String) -> String {
        let counts = &mut self.counts;
        let name = self.known.entry(value).or_insert_with(|| {
            let count = counts.entry(kind).or_insert(0);
            *count += 1;
            format!("[{kind}-{count}]")
        });
        name.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_keep_equal_names() {
        let (a, b) = ("018f3c5e-7b1a-7c00-8000-000000000001", "018f3c5e-7b1a-7c00-8000-000000000002");
        let value = json!({
            "id": a, "href": format!("/v1/rooms/{a}/messages/{b}"), "other": [b],
            "at": "2026-11-20T12:00:00.000001Z", "access_token": "ey.x.y", "next_cursor": "WzFd",
            "name": "deadbeef", "count": 3,
        });
        let expected = json!({
            "id": "[id-1]", "href": "/v1/rooms/[id-1]/messages/[id-2]", "other": ["[id-2]"],
            "at": "[time-1]", "access_token": "[secret-1]", "next_cursor": "[secret-2]",
            "name": "deadbeef", "count": 3,
        });
        assert_eq!(redact(value), expected);
    }
}
