//! What PostgreSQL can keep of a text.

use serde_json::Value;

/// Whether a value has the character NUL somewhere, also in a name: PostgreSQL keeps every character but this one.
pub fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
