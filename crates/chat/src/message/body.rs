//! What a message says.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use veza_core::holds_nul;

use super::attachment::Attachment;
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

    fn is_empty(&self) -> bool {
        self.text.as_deref().is_none_or(str::is_empty) && self.data.is_none()
    }
}

/// A body as the log has it: with what the message carries, which nobody but us writes there.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<Attachment>,
}

impl Stored {
    pub(super) fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// What was said, and what was carried.
    pub(super) fn parts(self) -> (Body, Vec<Attachment>) {
        (Body { text: self.text, data: self.data }, self.attachments)
    }
}

/// The body as it is stored.
///
/// # Errors
/// [`Error::Invalid`] for a body that says nothing where nothing is carried either, is larger than `max` bytes of JSON, or
/// holds a NUL.
pub(crate) fn checked(body: &Body, attachments: &[Attachment], max: usize) -> Result<String, Error> {
    if body.is_empty() && attachments.is_empty() {
        return Err(Error::field("/body", "empty", "a text, or data, or both"));
    }
    let nul = body.text.as_deref().is_some_and(|text| text.contains('\0'))
        || body.data.as_ref().is_some_and(|data| holds_nul(&Value::Object(data.clone())));
    if nul {
        return Err(Error::field("/body", "nul", "no character NUL"));
    }
    let json = written(body)?;
    if json.len() > max {
        let rule = format!("at most {max} bytes of JSON; it has {}", json.len());
        return Err(Error::Invalid(vec![veza_core::FieldError::new("/body", "too_large", rule)]));
    }
    if attachments.is_empty() {
        return Ok(json);
    }
    let Body { text, data } = body.clone();
    written(&Stored { text, data, attachments: attachments.to_vec() })
}

fn written(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_unwritable| Error::field("/body", "json", "what JSON can say"))
}
