//! What a bucket lets pages of other origins do (the Fetch standard, section 3.2).
//!
//! No answer allows credentials: browsers then send no cookies along, and `*` is harmless.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use veza_core::Caller;
use veza_web::{Problem, Visitor, with_headers};

use super::State;
use crate::Error;
use crate::bucket::{self, CorsRule, PublicBucket};

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Last-Modified, Location, Accept-Ranges, Content-Disposition, Content-Encoding, Content-Range, \
     Repr-Digest, X-Veza-Tags, X-Veza-Version-Id, X-Veza-Missing-Meta, X-Request-Id, Retry-After, Tus-Resumable, \
     Tus-Version, Tus-Extension, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Expires, \
     Upload-Metadata, Upload-Defer-Length, Upload-Concat",
);

/// What a browser may be told.
struct Allowed {
    origin: HeaderValue,
    max_age: u32,
    methods: String,
}

/// Finds the first rule that lets the origin of a request use a method, and send all `names` of headers.
fn allowed(rules: &[CorsRule], headers: &HeaderMap, method: &str, names: &[&str]) -> Option<Allowed> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    let rule = rules.iter().find(|rule| {
        let any = |list: &[String], wanted: &str| {
            list.iter().any(|entry| entry == "*" || entry.eq_ignore_ascii_case(wanted))
        };
        let from = rule.origins.iter().any(|entry| entry == "*" || entry == text);
        from && rule.methods.iter().any(|entry| entry == method)
            && names.iter().all(|name| any(&rule.headers, name))
    })?;
    let everybody = rule.origins.iter().any(|entry| entry == "*");
    let origin = if everybody { HeaderValue::from_static("*") } else { origin.clone() };
    Some(Allowed { origin, max_age: rule.max_age_seconds, methods: rule.methods.join(", ") })
}

/// The answer to a browser that asks before it calls.
///
/// # Errors
/// [`Error::OriginRefused`] for all else, so that it does not tell which buckets there are.
pub(super) fn preflight(req: &HttpRequest, bucket: Option<&PublicBucket>) -> Result<HttpResponse, Error> {
    let text = |name| req.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let method = text(header::ACCESS_CONTROL_REQUEST_METHOD).unwrap_or_default();
    let wanted = text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    let names: Vec<&str> = wanted.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let rules = bucket.map(|bucket| bucket.cors.as_slice()).unwrap_or_default();
    let allowed = allowed(rules, req.headers(), method, &names).ok_or(Error::OriginRefused)?;
    let mut response = HttpResponse::NoContent();
    response
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed.origin))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, allowed.methods))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, allowed.max_age.to_string()))
        .insert_header((
            header::VARY,
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        ));
    if !names.is_empty() {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, names.join(", ")));
    }
    Ok(response.finish())
}

/// Whether the rules of a bucket let the page do what its browser asks about.
pub(super) fn lets(req: &HttpRequest, bucket: &PublicBucket) -> bool {
    preflight(req, Some(bucket)).is_ok()
}

/// The same for a route with a token. Browsers send none along when they ask, so only a host name says whose bucket
/// it is.
pub(super) async fn preflight_with_token(
    visitor: &Visitor,
    state: &State,
    req: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    visitor.look()?;
    // Who names nobody, or somebody unknown, gets the answer of who may not.
    let tenant = visitor.named().await.ok().flatten();
    let name = req.match_info().get("bucket").unwrap_or_default();
    let found = match tenant {
        Some(tenant) => bucket::find_of_anybody(state.storage.db(), tenant.as_uuid(), name).await?,
        None => None,
    };
    let found = found.filter(|found| lets(req, found));
    if found.is_none() {
        visitor.missed()?;
    }
    Ok(preflight(req, found.as_ref())?)
}

/// Notes that an answer of a bucket with rules is another for each origin, so that caches keep them apart.
pub(super) fn varied(
    bucket: &PublicBucket,
    answer: Result<HttpResponse, Problem>,
) -> Result<HttpResponse, Problem> {
    let mut response = answer?;
    if !bucket.cors.is_empty() {
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    Ok(response)
}

/// What a browser may keep for its own, it keeps apart for pages of several origins: it may get it once without any.
fn apart(mut response: HttpResponse) -> HttpResponse {
    let headers = response.headers_mut();
    let is_private =
        headers.get(header::CACHE_CONTROL).is_some_and(|it| it.as_bytes().starts_with(b"private"));
    if is_private {
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

/// Whether a browser asks before it calls.
pub(super) fn asks(req: &HttpRequest) -> bool {
    req.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Tells a browser that a page may read this answer, a problem as well, if the bucket's rules say so.
pub(super) async fn told(
    state: &State,
    caller: &Caller,
    req: &HttpRequest,
    bucket: &str,
    answer: Result<HttpResponse, Problem>,
) -> Result<HttpResponse, Problem> {
    let answer = answer.map(apart);
    if !req.headers().contains_key(header::ORIGIN) {
        return answer;
    }
    let name = bucket.to_owned();
    let rules = state.storage.db().read(caller, move |tx| bucket::find(tx, &name)).await;
    let rules = rules.map(|bucket| bucket.settings.cors).unwrap_or_default();
    let Some(allowed) = allowed(&rules, req.headers(), req.method().as_str(), &[]) else { return answer };
    let all: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed.origin),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        (header::VARY, HeaderValue::from_static("Origin")),
    ];
    with_headers(answer, all)
}
