//! Errors that the framework or a handler gave, as problems.

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{Error, HttpResponse};
use veza_core::CodeDoc;

use crate::codes;
use crate::problem::Problem;

/// The problem in an answer, if there is one: a [`Problem`] that a handler or extractor gave, or an
/// error of the framework itself, which it would show as plain text. Errors that bring a body of
/// their own form (S3, OAuth) are left alone.
pub(crate) fn find<B: MessageBody>(response: &ServiceResponse<B>) -> Option<Problem> {
    if let Some(error) = response.response().error() {
        if let Some(problem) = error.as_error::<Problem>() {
            return Some(problem.clone());
        }
        let plain = response.headers().get(header::CONTENT_TYPE);
        let plain = plain.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
        return plain.then(|| of_error(error, response.status(), response.headers()));
    }
    let empty = matches!(response.response().body().size(), BodySize::None | BodySize::Sized(0));
    let bare = response.status() == StatusCode::METHOD_NOT_ALLOWED && empty;
    bare.then(|| generic(response.status(), response.headers()))
}

/// The problem in an error that no handler made an answer of.
pub(crate) fn of(error: &Error) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        return problem.clone();
    }
    let response: HttpResponse = error.error_response();
    of_error(error, response.status(), response.headers())
}

fn of_error(error: &Error, status: StatusCode, headers: &HeaderMap) -> Problem {
    if status.is_server_error() {
        tracing::error!(code = codes::INTERNAL.code, %error, "internal error");
    }
    generic(status, headers)
}

fn generic(status: StatusCode, headers: &HeaderMap) -> Problem {
    let doc: &CodeDoc = match status {
        StatusCode::NOT_FOUND => &codes::ROUTE_NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED => &codes::METHOD_NOT_ALLOWED,
        StatusCode::PAYLOAD_TOO_LARGE => &codes::BODY_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => &codes::BODY_UNSUPPORTED,
        StatusCode::UNAUTHORIZED => &codes::UNAUTHENTICATED,
        StatusCode::FORBIDDEN => &codes::FORBIDDEN,
        StatusCode::TOO_MANY_REQUESTS => &codes::RATE_LIMITED,
        StatusCode::SERVICE_UNAVAILABLE => &codes::UNAVAILABLE,
        status if status.is_server_error() => &codes::INTERNAL,
        _ => &codes::REQUEST_INVALID,
    };
    let detail = status.canonical_reason().unwrap_or("the request cannot be served");
    let problem = Problem::new(doc, detail).status(status);
    match headers.get(header::ALLOW) {
        Some(allow) => problem.header(header::ALLOW, allow.clone()),
        None => problem,
    }
}
