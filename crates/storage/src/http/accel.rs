//! Letting nginx send the bytes (`X-Accel-Redirect`).

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

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
    offered.then(|| opened.file()).flatten().map(|file| format!("{location}{file}"))
}
