//! Pages for people: whole in one file, allowed to run their own script and nothing else.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A page with at most one `<script>` and one `<style>`, both without attributes. It may call this
/// server and nothing else, and show images that it got there.
#[derive(Debug, Clone, Copy)]
pub struct Html(pub &'static str);

impl Html {
    /// Allows script and style by their hashes.
    fn policy(self) -> HeaderValue {
        let hash = |element: &str| {
            let (start, end) = (format!("<{element}>"), format!("</{element}>"));
            let text = self.0.split_once(&start).and_then(|(_, rest)| rest.split_once(&end));
            STANDARD.encode(Sha256::digest(text.map_or("", |(text, _)| text)))
        };
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
             img-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash("script"),
            hash("style"),
        );
        HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
    }
}

impl Responder for Html {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CONTENT_SECURITY_POLICY, self.policy()))
            .insert_header((header::CACHE_CONTROL, "public, max-age=60"))
            .content_type("text/html; charset=utf-8")
            .body(self.0)
    }
}
