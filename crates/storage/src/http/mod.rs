//! The routes below `/v1/storage`.

mod accel;
mod buckets;
mod bulk;
mod conditions;
mod copies;
mod cors;
mod digests;
mod disposition;
mod downloads;
mod keys;
mod lifecycles;
mod multipart;
mod objects;
mod parts;
mod place;
mod public;
mod ranges;
mod receive;
mod retention;
mod served;
mod sessions;
mod sign;
mod signed;
mod tus;
mod upload;
mod uploads;
mod usage;
mod versions;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use serde::Serialize;
use serde_json::Value;
use veza_core::FieldError;
use veza_web::{Problem, Routes};

use crate::{Error, Storage};

/// What the handlers share.
#[derive(Debug)]
struct State {
    storage: Storage,
}

/// Registers all routes of this crate.
pub fn routes(storage: Storage) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let state = Data::new(State { storage });
    move |routes| {
        routes.app_data(state.clone());
        describe(routes);
    }
}

/// Registers the routes with nothing behind them: for the OpenAPI document alone.
pub fn describe(routes: &mut Routes<'_>) {
    usage::routes(routes);
    keys::routes(routes);
    buckets::routes(routes);
    lifecycles::routes(routes);
    versions::routes(routes);
    retention::routes(routes);
    bulk::routes(routes);
    copies::routes(routes);
    sessions::routes(routes);
    parts::routes(routes);
    tus::routes(routes);
    sign::routes(routes);
    signed::routes(routes);
    public::routes(routes);
    objects::routes(routes);
    // Last, because a key stands where the others have a word.
    uploads::routes(routes);
    downloads::routes(routes);
}

/// What HTTP has a status or a header of its own for.
fn problem(error: Error) -> Problem {
    let status = match error {
        Error::ObjectTooLarge { .. } | Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::TypeNotAllowed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::RangeUnsatisfiable { len } => {
            let value = HeaderValue::try_from(format!("bytes */{len}"));
            let value = value.unwrap_or(HeaderValue::from_static("bytes */*"));
            let problem = Problem::from(error).status(StatusCode::RANGE_NOT_SATISFIABLE);
            return problem.header(header::CONTENT_RANGE, value);
        }
        _ => return error.into(),
    };
    Problem::from(error).status(status)
}

/// A header, or what stands in the path, that breaks a rule.
fn refused(field: &str, code: &'static str, rule: &'static str) -> Error {
    Error::Invalid(vec![FieldError::new(field.to_owned(), code, rule)])
}

/// An answer as an idempotency key keeps it.
fn kept(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value)
        .map_err(|error| Error::Failed { what: "keeping an answer", source: error.into() })
}

/// A header as text: all of its lines, as one list.
fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Error> {
    let mut text: Option<String> = None;
    for value in headers.get_all(name) {
        let value =
            value.to_str().map_err(|_odd| refused(name.as_str(), "ascii", "visible ASCII characters"))?;
        text = Some(text.map_or_else(|| value.to_owned(), |before| format!("{before}, {value}")));
    }
    Ok(text)
}

veza_web::missing!(
    Error::Absent;
    NoBucket = "bucket", NoUpload = "upload", NoVersion = "version");
