//! What a message says.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use veza_core::holds_nul;

use crate::error::Error;

/// What a message says: a text, data of the program's own, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(example = json!({ "text": "Hello" })))]
pub struct Body {
    /// What people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What programs read; Veza does not look into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schema(value_type = Option<Object>))]
    pub data: Option<Map<String, Value>>,
}

impl Body {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), data: None }
    }
}

/// The body as it is stored.
///
/// # Errors
/// [`Error::Invalid`] for a body that says nothing, is larger than `max` bytes of JSON, or holds a NUL.
pub(crate) fn checked(body: &Body, max: usize) -> Result<String, Error> {
    if body.text.as_deref().is_none_or(str::is_empty) && body.data.is_none() {
        return Err(Error::field("/body", "empty", "a text, or data, or both"));
    }
    let nul = body.text.as_deref().is_some_and(|text| text.contains('\0'))
        || body.data.as_ref().is_some_and(|data| holds_nul(&Value::Object(data.clone())));
    if nul {
        return Err(Error::field("/body", "nul", "no character NUL"));
    }
    let json = serde_json::to_string(body)
        .map_err(|_unwritable| Error::field("/body", "json", "what JSON can say"))?;
    if json.len() > max {
        let rule = format!("at most {max} bytes of JSON; it has {}", json.len());
        return Err(Error::Invalid(vec![veza_core::FieldError::new("/body", "too_large", rule)]));
    }
    Ok(json)
}
