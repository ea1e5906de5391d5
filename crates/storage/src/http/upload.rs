//! What the headers of an upload say.

use std::collections::BTreeMap;

use actix_web::http::header::{self, HeaderMap, HeaderName};

use super::served::{META, TAGS};
use super::{conditions, digests, refused, text};
use crate::object::Attributes;
use crate::percent;
use crate::sniff::UNKNOWN;
use crate::{Error, NewObject};

use super::place::Place;

/// The object to be stored.
pub(super) fn new_object(place: Place, headers: &HeaderMap) -> Result<NewObject, Error> {
    let Place { bucket, key } = place;
    Ok(NewObject {
        bucket,
        key,
        attributes: attributes(headers)?,
        len: len(headers)?,
        expected: digests::expected(headers)?,
        condition: conditions::of_write(headers)?,
    })
}

/// Bytes, where the body is not sent in chunks.
pub(super) fn len(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(None);
    }
    // HTTP/2 frames a body without either; over HTTP/1.1, nothing comes then.
    let Some(len) = text(headers, &header::CONTENT_LENGTH)? else { return Ok(None) };
    let len = len.parse().map_err(|_no_number| refused("content-length", "length", "a number of bytes"))?;
    Ok(Some(len))
}

fn attributes(headers: &HeaderMap) -> Result<Attributes, Error> {
    let content_type = text(headers, &header::CONTENT_TYPE)?;
    Ok(Attributes {
        content_type: content_type.unwrap_or_else(|| UNKNOWN.to_owned()),
        cache_control: text(headers, &header::CACHE_CONTROL)?,
        content_disposition: text(headers, &header::CONTENT_DISPOSITION)?,
        content_encoding: text(headers, &header::CONTENT_ENCODING)?,
        content_language: text(headers, &header::CONTENT_LANGUAGE)?,
        metadata: metadata(headers)?,
        tags: tags(headers)?,
    })
}

fn metadata(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Error> {
    let mut metadata = BTreeMap::new();
    let names: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(META)).cloned().collect();
    for name in names {
        let value = text(headers, &name)?.and_then(|value| percent::decode(&value));
        let value =
            value.ok_or_else(|| refused(name.as_str(), "encoding", "UTF-8, percent-encoded beyond ASCII"))?;
        let name = name.as_str().strip_prefix(META).unwrap_or_default().to_owned();
        metadata.insert(name, value);
    }
    Ok(metadata)
}

fn tags(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Error> {
    let Some(sent) = text(headers, &TAGS)? else { return Ok(BTreeMap::new()) };
    let decode = |text: &str| percent::decode(&text.replace('+', " "));
    let mut tags = BTreeMap::new();
    for pair in sent.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let read = decode(name).zip(decode(value));
        let (name, value) =
            read.ok_or_else(|| refused(TAGS.as_str(), "encoding", "name=value&…, percent-encoded UTF-8"))?;
        if tags.insert(name, value).is_some() {
            return Err(refused(TAGS.as_str(), "duplicate", "each name once"));
        }
    }
    Ok(tags)
}
