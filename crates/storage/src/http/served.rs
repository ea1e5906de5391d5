//! The headers of an object that is served.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{self, HeaderName, HeaderValue};

use super::conditions::http_date;
use super::{digests, disposition};
use crate::object::Object;
use crate::percent;

/// Bytes that metadata and tags may take of an answer's head; clients and proxies have limits. Lists show them all.
const PAIRS: usize = 8 * 1024;

/// Begins the name of a header with metadata.
pub(super) const META: &str = "x-veza-meta-";
/// Tags, in the form of a query.
pub(super) const TAGS: HeaderName = HeaderName::from_static("x-veza-tags");

/// Who may keep an answer, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caching {
    /// The URL names a version, whose bytes never change.
    pub(super) immutable: bool,
    /// Everybody may read it.
    pub(super) public: bool,
}

/// What caches go by: on every answer, 304 as well.
pub(super) fn validators(response: &mut HttpResponseBuilder, object: &Object, caching: Caching) {
    set(response, header::ETAG, &etag(object));
    set(response, header::LAST_MODIFIED, &http_date(object.created_at));
    // Only who may read it may keep it, and asks again before showing it; a version never changes its bytes.
    let default = match (caching.public, caching.immutable) {
        (true, true) => "public, max-age=31536000, immutable",
        (true, false) => "public, no-cache",
        (false, true) => "private, max-age=31536000, immutable",
        (false, false) => "private, no-cache",
    };
    let stored =
        object.attributes.cache_control.as_deref().filter(|stored| caching.public || !is_shared(stored));
    set(response, header::CACHE_CONTROL, stored.unwrap_or(default));
    set(response, HeaderName::from_static("x-veza-version-id"), &object.version_id.to_string());
}

/// Whether a cache may show to others what somebody got with a token (RFC 9111, section 3.5).
fn is_shared(cache_control: &str) -> bool {
    cache_control.split(',').any(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(name.as_str(), "public" | "s-maxage" | "must-revalidate")
    })
}

/// The strong entity tag: equal for equal bytes.
pub(super) fn etag(object: &Object) -> String {
    format!("\"{}\"", object.etag)
}

/// All that is said of the bytes that come.
pub(super) fn describe(response: &mut HttpResponseBuilder, object: &Object) {
    let attributes = &object.attributes;
    set(response, header::CONTENT_TYPE, &attributes.content_type);
    set(response, header::CONTENT_DISPOSITION, &disposition::of(object));
    set(response, header::ACCEPT_RANGES, "bytes");
    set(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Whatever it is, opened in a browser it runs nothing and loads nothing.
    set(response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox");
    if let Some(encoding) = &attributes.content_encoding {
        set(response, header::CONTENT_ENCODING, encoding);
    }
    if let Some(language) = &attributes.content_language {
        set(response, header::CONTENT_LANGUAGE, language);
    }
    if let Some((name, digest)) = digests::of(object) {
        set(response, name, &digest);
    }
    pairs(response, object);
}

/// Metadata and tags, as far as they go into headers; how many do not is told.
fn pairs(response: &mut HttpResponseBuilder, object: &Object) {
    let mut left = PAIRS;
    let mut missing = 0_usize;
    let mut take = |len: usize| {
        let fits = len <= left;
        left = left.saturating_sub(if fits { len } else { 0 });
        fits
    };
    let tags = form(object.attributes.tags.iter());
    if !tags.is_empty() && take(tags.len()) {
        set(response, TAGS, &tags);
    }
    for (name, value) in &object.attributes.metadata {
        let value = percent::header(value);
        let header = HeaderName::try_from(format!("{META}{name}")).ok();
        match header.filter(|_| take(name.len().saturating_add(value.len()))) {
            Some(header) => set(response, header, &value),
            None => missing = missing.saturating_add(1),
        }
    }
    if missing > 0 {
        set(response, HeaderName::from_static("x-veza-missing-meta"), &missing.to_string());
    }
}

/// `a=b&c=d`.
fn form<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let pair = |(name, value): (&String, &String)| {
        format!("{}={}", percent::encode(name, plain), percent::encode(value, plain))
    };
    pairs.map(pair).collect::<Vec<_>>().join("&")
}

/// What was stored may hold characters that ASCII has not; headers take them as bytes.
fn set(response: &mut HttpResponseBuilder, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.insert_header((name, value));
    }
}
