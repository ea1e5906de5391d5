//! What the two services call the same thing.

use hyper::HeaderMap;
use hyper::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH, LAST_MODIFIED,
    RANGE,
};

const THERE: [HeaderName; 3] = [CONTENT_TYPE, IF_MATCH, RANGE];
const BACK: [HeaderName; 5] = [CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED];

/// The headers of a request in S3's words.
pub(crate) fn there(headers: &HeaderMap) -> Vec<(String, HeaderValue)> {
    translated(headers, &THERE, "x-goog-meta-", "x-amz-meta-")
}

/// The headers of an answer in Google's.
pub(crate) fn back(headers: &HeaderMap) -> Vec<(String, HeaderValue)> {
    translated(headers, &BACK, "x-amz-meta-", "x-goog-meta-")
}

fn translated(headers: &HeaderMap, same: &[HeaderName], from: &str, to: &str) -> Vec<(String, HeaderValue)> {
    let word = |name: &HeaderName| match name.as_str().strip_prefix(from) {
        Some(rest) => Some(format!("{to}{rest}")),
        None => same.contains(name).then(|| name.to_string()),
    };
    headers.iter().filter_map(|(name, value)| Some((word(name)?, value.clone()))).collect()
}

/// A path whose every odd byte is escaped, with as few escapes as can be: our names have none that need one.
pub(crate) fn plain(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(if *first == b'%' {
            let (digits, behind) = behind.split_at_checked(2)?;
            rest = behind;
            u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
        } else {
            *first
        });
    }
    String::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_escapes() {
        assert_eq!(plain("/bucket/a%2Db%2Fc").unwrap(), "/bucket/a-b/c");
        for odd in ["/%", "/%2", "/%zz", "/%20"] {
            assert_eq!(plain(odd), None, "{odd}");
        }
    }
}
