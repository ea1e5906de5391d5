//! JSON bodies, with the place of what is wrong in them.

use std::ops::Deref;

use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use veza_core::FieldError;

use crate::codes::{JSON_INVALID, JSON_MALFORMED};
use crate::problem::Problem;
use crate::{body, caller};

/// A JSON body. Unknown fields are errors, whether `T` says so or not: a field misspelt is never
/// silently left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Json<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let payload = payload.take();
        let request = req.clone();
        caller::behind(req, async move { parse(&body::json(&request, payload).await?).map(Self) })
    }
}

/// Reads JSON; the problem points at the place. Fields that `T` does not know are errors.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    // serde would fill the fields of a struct from a list as well.
    if text.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice::<serde::de::IgnoredAny>(text)
            .map_err(|error| Problem::new(&JSON_MALFORMED, format!("the body is not JSON: {error}")))?;
        return Err(invalid(FieldError::new("", "wrong_type", "an object")));
    }
    let mut unknown = None;
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = serde_ignored::deserialize(&mut reader, |path| {
        unknown.get_or_insert_with(|| ignored_pointer(&path));
    });
    let value: T =
        read.and_then(|value| reader.end().map(|()| value)).map_err(|error| explain::<T>(text, &error))?;
    match unknown {
        None => Ok(value),
        Some(pointer) => Err(invalid(FieldError::new(pointer, "unknown", "there is no such field"))),
    }
}

/// Reads again, slower, to learn where it went wrong.
fn explain<T: DeserializeOwned>(text: &[u8], error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::new(&JSON_MALFORMED, format!("the body is not JSON: {error}"));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let _ = T::deserialize(tracked);
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    invalid(field_error(pointer(&track.path()), message))
}

fn invalid(error: FieldError) -> Problem {
    Problem::new(&JSON_INVALID, "the body has another shape than this route reads").field(error)
}

/// The rule in what serde says, such as: missing field `name`.
pub(crate) fn field_error(mut place: String, message: &str) -> FieldError {
    let name = message.split('`').nth(1).unwrap_or_default();
    let code = match message.split(' ').next() {
        Some("missing") => "missing",
        Some("duplicate") => "duplicate",
        Some("unknown") if message.starts_with("unknown field") => "unknown",
        Some("unknown") => "unknown_value",
        _ if message.starts_with("invalid type") => "wrong_type",
        _ => "invalid",
    };
    let names_field = matches!(code, "missing" | "duplicate" | "unknown");
    if names_field && !place.ends_with(&format!("/{}", escape(name))) {
        place = format!("{place}/{}", escape(name));
    }
    FieldError::new(place, code, message.to_owned())
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escape(key)),
            // Variants are no place in the document, and what is unknown has no name.
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect()
}

fn ignored_pointer(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}/{index}", ignored_pointer(parent)),
        Path::Map { parent, key } => format!("{}/{}", ignored_pointer(parent), escape(key)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            ignored_pointer(parent)
        }
    }
}

/// RFC 6901 section 3.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read")]
    struct Room {
        name: String,
        #[serde(default)]
        members: Vec<Member>,
        #[serde(default)]
        labels: BTreeMap<String, u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Member {
        age: u8,
    }

    fn refused(text: &str) -> String {
        let problem = parse::<Room>(text.as_bytes()).unwrap_err();
        let body = actix_web::ResponseError::error_response(&problem).into_body();
        let body = actix_web::body::MessageBody::try_into_bytes(body).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        format!("{} {} {}", body["code"], body["errors"][0]["field"], body["errors"][0]["code"])
            .replace('"', "")
    }

    #[test]
    fn the_place_is_named() {
        for (text, expected) in [
            (r#"{"name":1}"#, "web.json.invalid /name wrong_type"),
            (r#"{"name":"a","nmae":1}"#, "web.json.invalid /nmae unknown"),
            (r#"{"name":"a","name":"b"}"#, "web.json.invalid /name duplicate"),
            ("{}", "web.json.invalid /name missing"),
            (r#"{"name":"a","members":[{"age":1},{"age":300}]}"#, "web.json.invalid /members/1/age invalid"),
            (r#"{"name":"a","members":[{"age":1,"x":1}]}"#, "web.json.invalid /members/0/x unknown"),
            (r#"{"name":"a","members":[{}]}"#, "web.json.invalid /members/0/age missing"),
            (r#"{"name":"a","labels":{"a/b":"x"}}"#, "web.json.invalid /labels/a~1b wrong_type"),
            ("[]", "web.json.invalid  wrong_type"),
            (r#"["a"]"#, "web.json.invalid  wrong_type"),
            ("7", "web.json.invalid  wrong_type"),
            ("{", "web.json.malformed null null"),
            ("", "web.json.malformed null null"),
            (r#"{"name":"a"} x"#, "web.json.malformed null null"),
            ("{\"name\":\"\u{0}\"}", "web.json.malformed null null"),
        ] {
            assert_eq!(refused(text), expected, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(refused(&deep).starts_with("web.json."));
        assert!(parse::<Room>(b"{\"name\":\"\xff\"}").is_err());
    }
}
