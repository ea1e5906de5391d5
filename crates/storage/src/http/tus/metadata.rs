//! `Upload-Metadata`: names, and values in base64.

use std::collections::BTreeMap;

use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::headers::METADATA;
use crate::http::{refused, text};
use crate::object::Attributes;
use crate::sniff::UNKNOWN;
use crate::{Error, ObjectKey};

/// What clients call the key, the best first.
const KEYS: [&str; 3] = ["key", "filename", "name"];
/// What clients call the media type.
const TYPES: [&str; 2] = ["filetype", "type"];

/// What the client says of an upload.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// As it was sent.
    pub(super) sent: Option<String>,
    pairs: BTreeMap<String, String>,
}

impl Metadata {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Error> {
        let Some(sent) = text(headers, &METADATA)? else { return Ok(Self::default()) };
        let pairs = pairs(&sent).ok_or_else(|| {
            let rule = "names, each once, with UTF-8 in base64 behind a space; commas between them";
            refused(METADATA.as_str(), "metadata", rule)
        })?;
        Ok(Self { sent: Some(sent), pairs })
    }

    /// The key of the object.
    pub(super) fn key(&self) -> Result<ObjectKey, Error> {
        let key = KEYS.iter().find_map(|name| self.pairs.get(*name));
        let key =
            key.ok_or_else(|| refused(METADATA.as_str(), "missing", "a value for `filename`, or for `key`"))?;
        ObjectKey::field(METADATA.as_str(), key.as_str())
    }

    /// How the object is served; what has no meaning here goes with it.
    pub(super) fn attributes(mut self) -> Attributes {
        let kind = TYPES.iter().find_map(|name| self.pairs.remove(*name)).filter(|kind| !kind.is_empty());
        if let Some(key) = KEYS.iter().find(|name| self.pairs.contains_key(**name)) {
            self.pairs.remove(*key);
        }
        Attributes {
            content_type: kind.unwrap_or_else(|| UNKNOWN.to_owned()),
            metadata: self.pairs,
            ..Attributes::default()
        }
    }
}

fn pairs(sent: &str) -> Option<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for pair in sent.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = String::from_utf8(BASE64.decode(value.trim()).ok()?).ok()?;
        if pairs.insert(name.to_owned(), value).is_some() {
            return None;
        }
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_read() {
        let read = pairs("filename d29ybGQ=,filetype dGV4dC9wbGFpbg==, secret").unwrap();
        let of = |name: &str| read.get(name).unwrap().as_str();
        assert_eq!((of("filename"), of("filetype"), of("secret")), ("world", "text/plain", ""));
        let metadata = Metadata { sent: None, pairs: read };
        assert_eq!(metadata.key().unwrap().as_str(), "world");
        let attributes = metadata.attributes();
        assert_eq!(attributes.content_type, "text/plain");
        assert_eq!(attributes.metadata.keys().collect::<Vec<_>>(), ["secret"]);
        for bad in ["a ?", "a AA==,a AA==", "a /w=="] {
            assert!(pairs(bad).is_none(), "{bad}");
        }
    }
}
