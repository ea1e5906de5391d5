//! Pages of other origins: players and encoders are anywhere, and show a token that no browser sends by itself.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use veza_web::{Problem, with_headers};

const ANY: HeaderValue = HeaderValue::from_static("*");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Link, Location, Accept-Patch, Accept-Post, Retry-After, X-Request-Id");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE, OPTIONS");
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-match, x-request-id, x-tenant-id");

/// Who asks before it calls (Fetch section 4.8), and who wants to know what is taken. `accept` is the header that says so.
pub(super) fn preflight(accept: HeaderName, types: HeaderValue) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS))
        .insert_header((header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
        .insert_header((accept, types))
        .finish()
}

/// Lets every page read an answer, a problem as well.
pub(super) fn told(answer: Result<HttpResponse, Problem>) -> Result<HttpResponse, Problem> {
    let all = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY), (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)];
    with_headers(answer, all)
}
