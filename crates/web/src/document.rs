//! The OpenAPI document, for programs and for people.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;

use crate::html::Html;
use crate::problem::Problem;
use crate::site::{Site, State};
use crate::version::is_known;

/// The document, as sent.
#[derive(Debug)]
pub(crate) struct Document {
    json: Bytes,
    etag: HeaderValue,
}

impl Document {
    pub(crate) fn new(api: OpenApi) -> Self {
        let json = api.to_json().unwrap_or_default();
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&json));
        // Weak, because the same document is also sent compressed.
        let etag = HeaderValue::try_from(format!("W/\"{digest}\""));
        Self { json: json.into(), etag: etag.unwrap_or_else(|_| HeaderValue::from_static("W/\"\"")) }
    }
}

/// This document.
#[utoipa::path(tag = "operations", security(()), responses((status = OK, description = "OpenAPI 3.1.")))]
#[get("/openapi.json")]
#[allow(clippy::unused_async, reason = "a handler")]
pub(crate) async fn openapi_json(req: HttpRequest, site: Site) -> Result<HttpResponse, Problem> {
    let document = find(&site.state)?;
    let mut response = if is_known(req.headers(), &document.etag) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((header::ETAG, document.etag.clone()));
    response.insert_header((header::CACHE_CONTROL, "public, max-age=60"));
    if is_known(req.headers(), &document.etag) {
        return Ok(response.finish());
    }
    Ok(response.content_type("application/json").body(document.json.clone()))
}

/// This document as a page to read and try.
#[utoipa::path(tag = "operations", security(()), responses(
    (status = OK, description = "A page that needs nothing from elsewhere.", content_type = "text/html", body = String)
))]
#[get("/docs")]
#[allow(clippy::unused_async, reason = "a handler")]
pub(crate) async fn docs() -> Html {
    Html(include_str!("docs.html"))
}

fn find(state: &State) -> Result<&Document, Problem> {
    state.document.get().ok_or_else(|| Problem::internal(&"the document was not made"))
}
