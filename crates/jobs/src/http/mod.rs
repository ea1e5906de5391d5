//! The routes below `/v1/jobs`.

mod messages;
mod queues;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use serde::Serialize;
use veza_web::{IfMatch, Problem, Routes};

use crate::error::Error;
use crate::service::Jobs;

/// What the handlers share.
#[derive(Debug)]
struct State {
    jobs: Jobs,
}

/// Registers all routes of this crate.
pub fn routes(jobs: Jobs) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let state = Data::new(State { jobs });
    move |routes| {
        routes.app_data(state.clone());
        queues::routes(routes);
        messages::routes(routes);
    }
}

/// The versions that a change expects, as its closure can hold them.
fn expected(condition: &IfMatch) -> Option<Vec<i64>> {
    condition.versions().map(<[i64]>::to_vec)
}

/// The answer to a request that has an `Idempotency-Key` and makes nothing with a path of its own.
fn answered(
    mut response: actix_web::HttpResponseBuilder,
    value: &impl Serialize,
    replayed: bool,
) -> HttpResponse {
    if replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.insert_header((name, HeaderValue::from_static("true")));
    }
    response.json(value)
}

/// What a missing thing of each noun answers.
macro_rules! missing {
    ($($name:ident = $noun:literal),*) => {
        $(
            #[derive(Debug)]
            enum $name {}
            impl veza_web::Missing for $name {
                fn missing() -> Problem {
                    Error::NotFound($noun).into()
                }
            }
        )*
    };
}
missing!(NoQueue = "queue");
