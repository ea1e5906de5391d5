//! The headers of tus.

use actix_web::http::header::{self, HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::Error;
use crate::digest::Expected;
use crate::http::{refused, text};
use crate::id::UploadId;

pub(super) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(super) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(super) const CONCAT: HeaderName = HeaderName::from_static("upload-concat");
pub(super) const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// Algorithms of `Upload-Checksum`. SHA-1 is what the protocol demands; the CRC comes first byte first.
pub(super) const ALGORITHMS: &str = "sha1,sha256,crc32c,crc64nvme,md5";

/// What an upload is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Concat {
    /// An object.
    Whole,
    /// A part of an object.
    Partial,
    /// An object of these.
    Final(Vec<UploadId>),
}

/// A number of bytes.
pub(super) fn bytes(headers: &HeaderMap, name: &HeaderName) -> Result<Option<i64>, Error> {
    let Some(sent) = text(headers, name)? else { return Ok(None) };
    let digits = !sent.is_empty() && sent.bytes().all(|byte| byte.is_ascii_digit());
    let number = sent.parse().ok().filter(|_| digits);
    number.map(Some).ok_or_else(|| refused(name.as_str(), "length", "a number of bytes"))
}

/// All bytes of a new upload; none when they are told later.
pub(super) fn length(headers: &HeaderMap) -> Result<Option<i64>, Error> {
    let deferred = text(headers, &DEFER_LENGTH)?;
    match (bytes(headers, &LENGTH)?, deferred.as_deref()) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some("1")) => Ok(None),
        (_, Some(_)) => Err(refused(DEFER_LENGTH.as_str(), "invalid", "1, and only without Upload-Length")),
        (None, None) => Err(refused(LENGTH.as_str(), "missing", "Upload-Length, or Upload-Defer-Length: 1")),
    }
}

/// Whether a body comes that is to be appended.
pub(super) fn brings_bytes(headers: &HeaderMap) -> bool {
    let sent = headers.get(header::CONTENT_TYPE);
    sent.is_some_and(|sent| sent == "application/offset+octet-stream")
}

/// What a body must be.
pub(super) fn checksum(headers: &HeaderMap) -> Result<Expected, Error> {
    let Some(sent) = text(headers, &CHECKSUM)? else { return Ok(Expected::default()) };
    read(&sent).ok_or_else(|| {
        let rule = "sha1, sha256, crc32c, crc64nvme or md5, a space, and the digest in base64";
        refused(CHECKSUM.as_str(), "checksum", rule)
    })
}

fn read(sent: &str) -> Option<Expected> {
    let (algorithm, sum) = sent.split_once(' ')?;
    let sum = BASE64.decode(sum).ok()?;
    let mut expected = Expected::default();
    match algorithm {
        "sha1" => expected.sha1 = Some(sum.try_into().ok()?),
        "sha256" => expected.sha256 = Some(sum.try_into().ok()?),
        "crc32c" => expected.crc32c = Some(u32::from_be_bytes(sum.try_into().ok()?)),
        "crc64nvme" => expected.crc64nvme = Some(u64::from_be_bytes(sum.try_into().ok()?)),
        "md5" => expected.md5 = Some(sum.try_into().ok()?),
        _ => return None,
    }
    Some(expected)
}

/// `Upload-Concat` of a new upload to a bucket.
pub(super) fn concat(headers: &HeaderMap, bucket: &str) -> Result<Concat, Error> {
    let Some(sent) = text(headers, &CONCAT)? else { return Ok(Concat::Whole) };
    if sent == "partial" {
        return Ok(Concat::Partial);
    }
    let parts =
        sent.strip_prefix("final;").map(|urls| urls.split_ascii_whitespace().map(|url| id(url, bucket)));
    let parts: Option<Vec<UploadId>> = parts.and_then(Iterator::collect);
    parts.map(Concat::Final).ok_or_else(|| {
        let rule = "`partial`, or `final;` and the URLs of partial uploads to this bucket";
        refused(CONCAT.as_str(), "concat", rule)
    })
}

/// The upload of a URL, absolute or not.
fn id(url: &str, bucket: &str) -> Option<UploadId> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url.strip_prefix('/')?,
    };
    let place = format!("v1/storage/buckets/{bucket}/tus/");
    // Behind a proxy that gives us another path.
    path.split_once(&place)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn sent(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn partial_uploads_are_found_by_their_urls() {
        let (one, two) = ("019a0000-0000-7000-8000-000000000001", "019a0000-0000-7000-8000-000000000002");
        let list = format!(
            "final;/v1/storage/buckets/b/tus/{one} https://x.example/api/v1/storage/buckets/b/tus/{two}"
        );
        let ids = Concat::Final(vec![one.parse().unwrap(), two.parse().unwrap()]);
        assert_eq!(concat(&sent(CONCAT, &list), "b").unwrap(), ids);
        assert!(concat(&sent(CONCAT, &list), "c").is_err());
        assert_eq!(concat(&sent(CONCAT, "partial"), "b").unwrap(), Concat::Partial);
        for bad in ["final", "final;x", "other", "final;/v1/storage/buckets/b/tus/1"] {
            assert!(concat(&sent(CONCAT, bad), "b").is_err(), "{bad}");
        }
    }

    #[test]
    fn checksums_and_lengths_are_read() {
        let sum = checksum(&sent(CHECKSUM, "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")).unwrap();
        assert_eq!(sum.sha1.unwrap()[..2], [0xa9, 0x99]);
        for bad in ["sha1", "sha1 AA==", "sha512 AA==", "crc32c ?", ""] {
            assert!(checksum(&sent(CHECKSUM, bad)).is_err(), "{bad}");
        }
        assert_eq!(bytes(&sent(OFFSET, "10"), &OFFSET).unwrap(), Some(10));
        for bad in ["", "-1", "+1", "1.0", "99999999999999999999"] {
            assert!(bytes(&sent(OFFSET, bad), &OFFSET).is_err(), "{bad}");
        }
        assert_eq!(length(&sent(DEFER_LENGTH, "1")).unwrap(), None);
        assert!(length(&sent(DEFER_LENGTH, "0")).is_err());
        assert!(length(&HeaderMap::new()).is_err());
    }
}
