//! The codes of what this crate refuses.

use veza_core::{CodeDoc, Kind};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $kind:ident;)+) => {
        $(pub(crate) const $name: CodeDoc =
            CodeDoc { code: $code, kind: Kind::$kind, meaning: concat!($($doc),+).trim_ascii_start() };)+
        /// Every code of this crate, for the generated list.
        pub const CODES: &[CodeDoc] = &[$($name),+];
    };
}

codes! {
    /// No route has this path, or the path holds an id that cannot exist.
    ROUTE_NOT_FOUND = "web.route.not_found", NotFound;
    /// The route exists and has no such method; `Allow` names the ones it has.
    METHOD_NOT_ALLOWED = "web.method.not_allowed", Invalid;
    /// The body is not JSON. Nothing was done; correct the syntax.
    JSON_MALFORMED = "web.json.malformed", Invalid;
    /// The body is JSON of another shape; `errors` points at the place.
    JSON_INVALID = "web.json.invalid", Invalid;
    /// The body is larger than the route takes (413).
    BODY_TOO_LARGE = "web.body.too_large", Invalid;
    /// The `Content-Type` or `Content-Encoding` of the body is none the route reads (415).
    BODY_UNSUPPORTED = "web.body.unsupported_media_type", Invalid;
    /// The body ended early or broke on the way; send it again.
    BODY_INCOMPLETE = "web.body.incomplete", Invalid;
    /// A query parameter is unknown, missing, twice there or of the wrong form.
    QUERY_INVALID = "web.query.invalid", Invalid;
    /// A header that has one value came more than once.
    HEADER_DUPLICATE = "web.header.duplicate", Invalid;
    /// A header has a form that its definition does not allow.
    HEADER_INVALID = "web.header.invalid", Invalid;
    /// The host of the request is no host name.
    HOST_INVALID = "web.host.invalid", Invalid;
    /// The request breaks a rule of HTTP.
    REQUEST_INVALID = "web.request.invalid", Invalid;
    /// The resource has another version than `If-Match` names; read it again and decide anew.
    PRECONDITION_FAILED = "web.precondition.failed", PreconditionFailed;
    /// The route needs credentials: `Authorization: Bearer …`.
    UNAUTHENTICATED = "web.unauthenticated", Unauthenticated;
    /// The caller may not do this.
    FORBIDDEN = "web.forbidden", Forbidden;
    /// The tenant asks more often than it may; wait for `Retry-After`.
    RATE_LIMITED = "web.rate_limited", RateLimited;
    /// The request took longer than the server allows; it may or may not have had an effect.
    TIMEOUT = "web.request.timeout", Unavailable;
    /// The server is starting, stopping or missing something it needs; wait for `Retry-After`.
    UNAVAILABLE = "web.unavailable", Unavailable;
    /// Our fault. Report the `instance`.
    INTERNAL = "web.internal", Internal;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_documented_and_different() {
        for (index, doc) in CODES.iter().enumerate() {
            assert!(doc.code.starts_with("web.") && doc.meaning.len() > 20, "{}", doc.code);
            assert!(!doc.meaning.starts_with(' '));
            assert!(CODES.iter().skip(index + 1).all(|other| other.code != doc.code), "{}", doc.code);
        }
    }
}
