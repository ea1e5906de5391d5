//! Query parameters.

use std::ops::Deref;

use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use veza_core::FieldError;

use crate::codes::QUERY_INVALID;
use crate::problem::Problem;
use crate::{caller, json};

/// The parameters of the query. Unknown ones are errors, whether `T` says so or not. Lists take
/// [`PageQuery`](crate::PageQuery) instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> Query<T> {
    /// The parameters of a request, for who answers wrong ones in a way of their own.
    pub fn of(req: &HttpRequest) -> Result<Self, Problem> {
        parse(req.query_string()).map(Self)
    }
}

impl<T> Deref for Query<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let read = Self::of(req);
        caller::behind(req, async move { read })
    }
}

/// Reads a query string.
pub(crate) fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut unknown = None;
    let mut track = serde_path_to_error::Track::new();
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    let reader = serde_path_to_error::Deserializer::new(reader, &mut track);
    let read = serde_ignored::deserialize(reader, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    });
    match (read, unknown) {
        (Ok(value), None) => Ok(value),
        (_, Some(name)) => Err(invalid(FieldError::new(name, "unknown", "there is no such query parameter"))),
        (Err(error), None) => {
            let place = track.path().to_string();
            let place = if place == "." { String::new() } else { format!("/{place}") };
            let mut error = json::field_error(place, &error.to_string());
            // Parameters go by their name, not by a pointer.
            error.field = error.field.trim_start_matches('/').to_owned().into();
            Err(invalid(error))
        }
    }
}

pub(crate) fn invalid(error: FieldError) -> Problem {
    Problem::new(&QUERY_INVALID, "the query is not one that this route reads").field(error)
}
