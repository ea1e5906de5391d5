//! The body of a request, read whole.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpMessage, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::codes::{BODY_INCOMPLETE, BODY_TOO_LARGE, BODY_UNSUPPORTED};
use crate::problem::Problem;

/// How many bytes a body may have. As `app_data` of a scope it replaces the configured limit there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimit(pub u32);

/// Reads a JSON body, after its headers have been looked at.
pub(crate) async fn json(req: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    require_json(req)?;
    let limit = req.app_data::<BodyLimit>().map_or(1024 * 1024, |limit| limit.0);
    read(req.headers(), payload, limit).await
}

fn require_json(req: &HttpRequest) -> Result<(), Problem> {
    let kind = req.content_type();
    let json = kind.eq_ignore_ascii_case("application/json")
        || kind.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("application/"))
            && kind.len() > 17
            && kind.get(kind.len().saturating_sub(5)..).is_some_and(|end| end.eq_ignore_ascii_case("+json"));
    let encoding = req.headers().get(header::CONTENT_ENCODING);
    let plain = encoding.is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if json && plain {
        return Ok(());
    }
    let detail = if json { "the body must not be compressed" } else { "the body must be application/json" };
    Err(Problem::new(&BODY_UNSUPPORTED, detail).status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// Reads a body of any type, of at most `limit` bytes; what is longer is 413. Its type is for the handler to look at.
pub async fn read(headers: &HeaderMap, mut payload: Payload, limit: u32) -> Result<Bytes, Problem> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let too_large = || {
        Problem::new(&BODY_TOO_LARGE, format!("the body may have at most {limit} bytes"))
            .status(StatusCode::PAYLOAD_TOO_LARGE)
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse().ok()).unwrap_or(0);
    if announced > limit {
        return Err(too_large());
    }
    // Room for what was announced, but not for what was only promised: memory follows the bytes.
    let mut body = BytesMut::with_capacity(announced.min(16 * 1024));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| match error {
            PayloadError::Overflow => too_large(),
            _ => Problem::new(&BODY_INCOMPLETE, "the body ended early or is not framed as HTTP asks"),
        })?;
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
