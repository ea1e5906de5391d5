//! Versions of resources: `ETag`, `If-Match`, `If-None-Match` (RFC 9110 sections 8.8.3 and 13.1).

use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, Responder, dev};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use crate::caller;
use crate::codes::{HEADER_INVALID, PRECONDITION_FAILED};
use crate::problem::Problem;

/// The strong entity tag of a version: `"v3"`.
pub fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"v{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"v\""))
}

/// What a change expects of the resource. Without `If-Match` the last writer wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// Nothing: the header is absent.
    Absent,
    /// That it exists: `*`.
    Any,
    /// One of these versions. Tags that no version of ours has are left out.
    Versions(Vec<i64>),
}

impl IfMatch {
    /// Whether a change of `version` is welcome.
    pub fn allows(&self, version: i64) -> bool {
        match self {
            Self::Absent | Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }

    /// Refuses a change of another version than the client has seen.
    pub fn require(&self, version: i64) -> Result<(), Problem> {
        if self.allows(version) {
            return Ok(());
        }
        let detail = "the resource has another version than If-Match names";
        Err(Problem::new(&PRECONDITION_FAILED, detail).header(header::ETAG, etag(version)))
    }

    /// The versions that match, as the closure of a transaction can hold them; `None` when every one does.
    pub fn into_versions(self) -> Option<Vec<i64>> {
        match self {
            Self::Absent | Self::Any => None,
            Self::Versions(versions) => Some(versions),
        }
    }

    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let refuse = || Problem::new(&HEADER_INVALID, "If-Match is `*` or entity tags in quotes");
        let Some(value) = headers.get(header::IF_MATCH) else { return Ok(Self::Absent) };
        let text = value.to_str().map_err(|_not_ascii| refuse())?.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let tags: Option<Vec<&str>> = text.split(',').map(|tag| opaque(tag.trim())).collect();
        Ok(Self::Versions(tags.ok_or_else(refuse)?.into_iter().filter_map(version).collect()))
    }
}

/// What stands between the quotes of a tag; nothing for a weak one, which never matches here.
fn opaque(tag: &str) -> Option<&str> {
    let inside = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    let weak = tag.starts_with("W/");
    (!inside.contains('"')).then_some(if weak { "" } else { inside })
}

/// The version in a tag that is one of ours.
fn version(inside: &str) -> Option<i64> {
    inside.strip_prefix('v')?.parse().ok()
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let read = Self::read(req.headers());
        caller::behind(req, async move { read })
    }
}

/// A resource with its version as an answer: 200 with `ETag`, or 304 when the client has it already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The resource.
    pub value: T,
    /// Its version.
    pub version: i64,
}

impl<T> Versioned<T> {
    /// `value` in its `version`.
    pub fn new(value: T, version: i64) -> Self {
        Self { value, version }
    }
}

impl<T: Serialize> Responder for Versioned<T> {
    type Body = BoxBody;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse {
        let tag = etag(self.version);
        if req.method().is_safe() && is_known(req.headers(), &tag) {
            return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
        }
        HttpResponse::Ok().insert_header((header::ETAG, tag)).json(self.value)
    }
}

/// Whether `If-None-Match` names `tag` (weakly compared).
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let (Some(sent), Ok(tag)) = (headers.get(header::IF_NONE_MATCH), tag.to_str()) else { return false };
    sent.to_str()
        .is_ok_and(|sent| sent.trim() == "*" || sent.split(',').any(|one| strong(one) == strong(tag)))
}

/// A resource that was created: 201 with `Location`, and with `Idempotency-Replayed: true` when an
/// earlier request with the same key created it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created<T> {
    /// The resource.
    pub value: T,
    /// Its path.
    pub location: String,
    /// Its version, where it has one.
    pub version: Option<i64>,
    /// Whether an earlier request created it.
    pub replayed: bool,
}

impl<T: Serialize> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Created();
        response.insert_header((header::LOCATION, self.location));
        if let Some(version) = self.version {
            response.insert_header((header::ETAG, etag(version)));
        }
        answered(response, &self.value, self.replayed)
    }
}

/// An answer to a request that had an `Idempotency-Key`: with `Idempotency-Replayed: true` when it was given to an
/// earlier request with the same key. [`Created`] does this by itself.
pub fn answered(mut response: HttpResponseBuilder, value: &impl Serialize, replayed: bool) -> HttpResponse {
    if replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.insert_header((name, HeaderValue::from_static("true")));
    }
    response.json(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_str(value).unwrap());
        IfMatch::read(&headers).ok()
    }

    #[test]
    fn conditions_are_read() {
        assert_eq!(read("*"), Some(IfMatch::Any));
        assert_eq!(read("\"v3\""), Some(IfMatch::Versions(vec![3])));
        assert_eq!(read("\"v3\" , \"v4\""), Some(IfMatch::Versions(vec![3, 4])));
        assert_eq!(read("W/\"v3\""), Some(IfMatch::Versions(vec![])));
        assert_eq!(read("\"other\""), Some(IfMatch::Versions(vec![])));
        for malformed in ["", "v3", "\"v3", "3", "\"v3\",", "\"a\"b\""] {
            assert_eq!(read(malformed), None, "{malformed}");
        }
        assert!(IfMatch::Versions(vec![3]).require(4).is_err());
        assert!(IfMatch::Absent.require(4).is_ok());
    }
}
