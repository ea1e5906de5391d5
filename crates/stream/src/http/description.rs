//! Bodies that describe sessions.

use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::Payload;
use veza_web::{Problem, read_body};

use super::problem;
use crate::error::Error;
use crate::sdp::{MAX_BYTES, Refusal, RefusalKind};

/// Whole descriptions (RFC 8866).
pub(super) const SDP: &str = "application/sdp";
/// Fragments about ICE (RFC 8840).
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// Both.
pub(super) const BOTH: &str = "application/trickle-ice-sdpfrag, application/sdp";

/// The header that says what POST takes (LDP section 7.1).
pub(super) const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
/// The header that says what PATCH takes (RFC 5789 section 3.1).
pub(super) const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// Whether the body is of a type, and not compressed.
pub(super) fn is(req: &HttpRequest, kind: &str) -> bool {
    let encoding = req.headers().get(header::CONTENT_ENCODING);
    let plain = encoding.is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    plain && req.content_type().eq_ignore_ascii_case(kind)
}

/// Refuses a body of another type; `accept` says which header tells the right ones.
pub(super) fn require(req: &HttpRequest, kind: &'static str, accept: &HeaderName) -> Result<(), Problem> {
    if is(req, kind) {
        return Ok(());
    }
    Err(problem(Error::MediaType(kind)).header(accept.clone(), HeaderValue::from_static(kind)))
}

/// The text of a body.
pub(super) async fn text(req: &HttpRequest, payload: Payload) -> Result<String, Problem> {
    let limit = u32::try_from(MAX_BYTES).unwrap_or(u32::MAX);
    let bytes = read_body(req.headers(), payload.into_inner(), limit).await?;
    String::from_utf8(bytes.into()).map_err(|_not_utf8| {
        let rule = "the text is UTF-8".into();
        problem(Error::Malformed(Refusal { kind: RefusalKind::Malformed, line: None, rule }))
    })
}
