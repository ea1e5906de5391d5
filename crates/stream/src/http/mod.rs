//! The routes below `/v1/stream`.

mod channels;
mod cors;
mod description;
mod entry;
pub mod recordings;
mod resource;
mod sessions;
mod tokens;
mod whep;
mod whip;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use veza_web::{Problem, Routes};

use crate::error::Error;
use crate::service::Streams;

/// What the handlers share.
#[derive(Debug)]
struct State {
    streams: Streams,
}

/// Registers all routes of this crate.
pub fn routes(streams: Streams) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let state = Data::new(State { streams });
    move |routes| {
        routes.app_data(state.clone());
        channels::routes(routes);
        sessions::routes(routes);
        tokens::routes(routes);
        whip::routes(routes);
        whep::routes(routes);
    }
}

/// What HTTP has a status or a header of its own for.
fn problem(error: Error) -> Problem {
    let (status, accept) = match &error {
        Error::Unsupported(_) => (StatusCode::UNPROCESSABLE_ENTITY, None),
        Error::ConditionNeeded => (StatusCode::PRECONDITION_REQUIRED, None),
        Error::MediaType(accepted) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(*accepted)),
        _ => return error.into(),
    };
    let problem = Problem::from(error).status(status);
    match accept {
        // RFC 9110 section 15.5.16.
        Some(accept) => problem.header(HeaderName::from_static("accept"), HeaderValue::from_static(accept)),
        None => problem,
    }
}

veza_web::missing!(Error::NotFound; NoChannel = "channel", NoSession = "session");
