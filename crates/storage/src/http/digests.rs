//! Digests of bodies in headers: `Content-Digest` and `Repr-Digest` (RFC 9530), `Content-MD5` (RFC 1864).

use actix_web::http::header::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{refused, text};
use crate::Error;
use crate::digest::Expected;
use crate::object::Object;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// What the headers of an upload say of its body. Both digest headers mean the same here, because bytes are
/// kept as they come; digests that we do not know are left out.
pub(super) fn expected(headers: &HeaderMap) -> Result<Expected, Error> {
    let mut expected = Expected::default();
    for name in [CONTENT_DIGEST, REPR_DIGEST] {
        let Some(dictionary) = text(headers, &name)? else { continue };
        for member in dictionary.split(',') {
            take(&mut expected, member.trim()).ok_or_else(|| {
                refused(name.as_str(), "digest", "digests such as sha-256=:base64:, each of its length")
            })?;
        }
    }
    if let Some(sum) = text(headers, &CONTENT_MD5)? {
        let sum = bytes(sum.trim());
        expected.md5 = Some(sum.ok_or_else(|| refused("content-md5", "digest", "16 bytes in base64"))?);
    }
    Ok(expected)
}

/// One member of a dictionary such as `sha-256=:…:`; none when it cannot be read.
fn take(expected: &mut Expected, member: &str) -> Option<()> {
    let (name, value) = member.split_once('=')?;
    let value = value.split(';').next().unwrap_or_default().trim();
    let value = value.strip_prefix(':')?.strip_suffix(':')?;
    match name.trim() {
        "sha-256" => expected.sha256 = Some(bytes(value)?),
        "crc32c" => expected.crc32c = Some(u32::from_be_bytes(bytes(value)?)),
        "crc64nvme" => expected.crc64nvme = Some(u64::from_be_bytes(bytes(value)?)),
        "md5" => expected.md5 = Some(bytes(value)?),
        _ => {}
    }
    Some(())
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

/// `Repr-Digest` of an object, where its SHA-256 is known.
pub(super) fn of(object: &Object) -> Option<(HeaderName, String)> {
    let hex = object.sha256.as_ref()?;
    let digits: Vec<u8> = hex.chars().filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let sum: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
    Some((REPR_DIGEST, format!("sha-256=:{}:", BASE64.encode(sum))))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(name: HeaderName, value: &'static str) -> Result<Expected, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        expected(&headers)
    }

    #[test]
    fn digests_are_read() {
        let sha =
            "sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=: , crc32c=:yZRlqg==:, sha-512=:AA==:";
        let found = read(CONTENT_DIGEST, sha).unwrap();
        assert_eq!(found.sha256.unwrap()[..2], [0xb9, 0x4d]);
        assert_eq!(found.crc32c, Some(0xc994_65aa));
        assert!(read(CONTENT_MD5, "XrY7u+Ae7tCTyyK7j1rNww==").unwrap().md5.is_some());
        for broken in ["", "sha-256", "sha-256=abc", "sha-256=:AA==:", "sha-256=:!:", "crc32c=:AA==:", ","] {
            assert!(read(REPR_DIGEST, broken).is_err(), "{broken}");
        }
        assert!(read(CONTENT_MD5, "AA==").is_err());
    }
}
