//! Conditions of requests (RFC 9110, section 13).

use std::time::SystemTime;

use actix_web::http::header::{self, HeaderMap, HeaderName, HttpDate};
use chrono::{DateTime, TimeDelta, Utc};

use super::{refused, text};
use crate::Error;
use crate::object::{Condition, Object};

/// `If-Match` and `If-None-Match` of a write.
pub(super) fn of_write(headers: &HeaderMap) -> Result<Condition, Error> {
    Ok(Condition {
        if_match: etags(headers, &header::IF_MATCH, false)?,
        if_none_match: etags(headers, &header::IF_NONE_MATCH, true)?,
    })
}

/// Whether the client has what it asks for already.
///
/// # Errors
/// [`Error::PreconditionFailed`].
pub(super) fn is_known(headers: &HeaderMap, object: &Object) -> Result<bool, Error> {
    let modified = whole_seconds(object.created_at);
    let matches = etags(headers, &header::IF_MATCH, false)?;
    let unwanted = etags(headers, &header::IF_NONE_MATCH, true)?;
    Condition { if_match: matches.clone(), if_none_match: None }.check(Some(object))?;
    let since = date(headers, &header::IF_UNMODIFIED_SINCE).filter(|_| matches.is_none());
    if since.is_some_and(|since| modified > since) {
        return Err(Error::PreconditionFailed);
    }
    if unwanted.is_some() {
        return Ok(Condition { if_match: None, if_none_match: unwanted }.check(Some(object)).is_err());
    }
    Ok(date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|since| modified <= since))
}

/// Whether `Range` counts: without `If-Range`, or when that names what there is now. A date does so only when
/// nothing else can have been stored within the same second.
pub(super) fn range_counts(headers: &HeaderMap, object: &Object, now: DateTime<Utc>) -> bool {
    let Some(sent) = headers.get(header::IF_RANGE) else { return true };
    let Ok(sent) = sent.to_str() else { return false };
    if sent.starts_with('"') || sent.starts_with("W/") {
        return sent == format!("\"{}\"", object.etag);
    }
    let modified = whole_seconds(object.created_at);
    parse(sent) == Some(modified) && now - modified > TimeDelta::seconds(1)
}

/// Times in HTTP have whole seconds.
pub(super) fn whole_seconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}

/// A time as headers have it.
pub(super) fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A date that cannot be read says nothing (sections 13.1.3 and 13.1.4).
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<DateTime<Utc>> {
    parse(headers.get(name)?.to_str().ok()?)
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    Some(SystemTime::from(text.parse::<HttpDate>().ok()?).into())
}

/// Entity tags, without their quotes; `*` is anything. Weak ones are compared like others where `weak` says so,
/// and match nothing elsewhere.
fn etags(headers: &HeaderMap, name: &HeaderName, weak: bool) -> Result<Option<Vec<String>>, Error> {
    let Some(list) = text(headers, name)? else { return Ok(None) };
    if list.trim() == "*" {
        return Ok(Some(vec!["*".to_owned()]));
    }
    let tags =
        read(&list).ok_or_else(|| refused(name.as_str(), "entity_tags", "* or entity tags in quotes"))?;
    // A tag that is called `*` is nobody's.
    let counts = |(is_weak, tag): &(bool, &str)| (weak || !is_weak) && *tag != "*";
    Ok(Some(tags.into_iter().filter(counts).map(|(_, tag)| tag.to_owned()).collect()))
}

/// Tags of a list, and whether they are weak.
fn read(list: &str) -> Option<Vec<(bool, &str)>> {
    let mut tags = Vec::new();
    let mut rest = list.trim();
    loop {
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (tag, behind) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push((weak, tag));
        let behind = behind.trim_start();
        if behind.is_empty() {
            return Some(tags);
        }
        rest = behind.strip_prefix(',')?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn sent(value: &'static str, weak: bool) -> Option<Vec<String>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
        etags(&headers, &header::IF_MATCH, weak).ok().flatten()
    }

    #[test]
    fn entity_tags_are_read() {
        let owned = |tags: &[&str]| Some(tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(sent("\"a\" , W/\"b\",\"c,d\"", true), owned(&["a", "b", "c,d"]));
        assert_eq!(sent("\"a\", W/\"b\"", false), owned(&["a"]));
        assert_eq!(sent(" * ", false), owned(&["*"]));
        assert_eq!(sent("\"*\"", false), owned(&[]));
        for broken in ["", "a", "\"a", "\"a\",", "\"a\" \"b\"", "*, \"a\""] {
            assert_eq!(sent(broken, true), None, "{broken}");
        }
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        let time = DateTime::from_timestamp(1_700_000_001, 5).unwrap();
        assert_eq!(http_date(time), "Tue, 14 Nov 2023 22:13:21 GMT");
        assert_eq!(parse(&http_date(time)), Some(whole_seconds(time)));
    }
}
