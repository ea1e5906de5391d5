//! Letting nginx send the bytes (`X-Accel-Redirect`).

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};

use super::State;
use crate::read::Opened;

/// How nginx says that it would.
const OFFERED: HeaderName = HeaderName::from_static("x-sendfile-type");
/// Tells it which file to send, ranges as the client asked for them.
pub(super) const REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");

/// The file in nginx's words, when the deployment and the request allow it and the bytes lie there as they are.
pub(super) fn file(state: &State, req: &HttpRequest, opened: &Opened) -> Option<String> {
    let location = state.storage.config().accel_location.as_deref()?;
    let offered = req.headers().get(OFFERED).is_some_and(|offer| offer == "X-Accel-Redirect");
    (offered && is_simple(req, opened))
        .then(|| opened.file())
        .flatten()
        .map(|file| format!("{location}{file}"))
}

/// Whether nginx makes the same of it as we would. It keeps neither the encoding nor the headers for pages of other
/// origins, judges conditions by the file's time, and reads several ranges in its own way.
fn is_simple(req: &HttpRequest, opened: &Opened) -> bool {
    let (headers, attributes) = (req.headers(), &opened.object.attributes);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let range = headers.get(header::RANGE).map(|range| range.to_str().unwrap_or_default());
    let one_range = range.is_none_or(|range| {
        let ends = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
        ends.is_some_and(|(first, last)| digits(first) && digits(last))
    });
    attributes.content_encoding.is_none()
        && attributes.content_language.is_none()
        && one_range
        && ![
            header::ORIGIN,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
            header::IF_MODIFIED_SINCE,
            header::IF_UNMODIFIED_SINCE,
        ]
        .iter()
        .any(|name| headers.contains_key(name))
}
