//! Headers that keep browsers from doing harm with an answer (OWASP REST security cheat sheet).

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const ALWAYS: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// What a handler may set otherwise.
const DEFAULTS: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Two years, as browsers ask for in their preload lists; subdomains decide for themselves.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Headers with one value. A second one is a sign of smuggling: two servers on the way would each
/// take another.
const SINGLE: [HeaderName; 7] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-tenant-id"),
    HeaderName::from_static("idempotency-key"),
    header::IF_MATCH,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::HOST,
];

/// Writes the headers; HSTS only on what came over TLS, as RFC 6797 section 7.2 asks.
pub(crate) fn stamp(headers: &mut HeaderMap, over_tls: bool) {
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    for (name, value) in DEFAULTS {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
    if over_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

/// The first header that has one value and came more than once.
pub(crate) fn duplicate(headers: &HeaderMap) -> Option<HeaderName> {
    SINGLE.into_iter().find(|name| headers.get_all(name).nth(1).is_some())
}
