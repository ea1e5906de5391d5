//! Calls from pages of other origins (the Fetch standard, section 3.2).

use std::collections::HashSet;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpResponse, http};

use crate::config::CorsConfig;

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Link, Location, Accept-Patch, Accept-Post, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Idempotency-Replayed, \
     Accept-Ranges, Content-Disposition, Content-Range, Repr-Digest, X-Veza-Tags, X-Veza-Version-Id, \
     Tus-Resumable, Tus-Version, Tus-Extension, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Expires, \
     Upload-Metadata, Upload-Defer-Length, Upload-Concat",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id, x-tenant-id, traceparent, \
     range, if-range, content-digest, repr-digest, content-md5, content-disposition, content-encoding, cache-control, x-veza-tags, \
     tus-resumable, upload-length, upload-defer-length, upload-offset, upload-metadata, upload-concat, upload-checksum, \
     x-http-method-override",
);
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The origins that may call.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: HashSet<Box<str>>,
    credentials: bool,
}

impl Cors {
    pub(crate) fn new(config: &CorsConfig) -> Self {
        let origins = config.allowed_origins.iter().map(|origin| origin.as_str().into()).collect();
        Self { origins, credentials: config.credentials }
    }

    /// The origin of the request, if it may call.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        origin.to_str().is_ok_and(|text| self.origins.contains(text)).then(|| origin.clone())
    }

    /// Tells the browser that `origin` may read this answer, unless the handler has told it something.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        if self.origins.is_empty() || headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
    }
}

/// The answer to a browser that asks before it calls, if `origin` may.
pub(crate) fn preflight(req: &ServiceRequest, origin: Option<&HeaderValue>) -> Option<HttpResponse> {
    let asks = req.method() == Method::OPTIONS
        && req.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && origin.is_some();
    asks.then(|| {
        HttpResponse::build(http::StatusCode::NO_CONTENT)
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
            .finish()
    })
}
