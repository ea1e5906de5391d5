//! Which answers are compressed.

use actix_web::body::BodySize;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentEncoding, HeaderMap};

/// Smaller bodies do not get smaller by much.
const MIN_SIZE: u64 = 1024;

/// The encoding that the client takes and prefers among ours.
pub(crate) fn accepted(headers: &HeaderMap) -> ContentEncoding {
    let Some(accept) = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()) else {
        return ContentEncoding::Identity;
    };
    let mut best = (0_u16, ContentEncoding::Identity);
    for item in accept.split(',') {
        let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let offered = match name.trim() {
            "zstd" => ContentEncoding::Zstd,
            "gzip" => ContentEncoding::Gzip,
            _ => continue,
        };
        let weight = weight.trim().strip_prefix("q=").map_or(0, thousandths);
        // For equal weights zstd wins: it is the faster one.
        if weight > best.0 || (weight == best.0 && weight > 0 && offered == ContentEncoding::Zstd) {
            best = (weight, offered);
        }
    }
    best.1
}

/// A weight such as `0.8` in thousandths (RFC 9110 section 12.4.2); 0 when malformed.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<3}");
    match (whole, fraction.len(), fraction.parse::<u16>()) {
        ("1", 3, Ok(_)) => 1000,
        ("0", 3, Ok(fraction)) => fraction,
        _ => 0,
    }
}

/// Whether an answer gets smaller. Not one with a strong entity tag, which names these very bytes.
pub(crate) fn is_worth_it(status: StatusCode, headers: &HeaderMap, size: BodySize) -> bool {
    let large = match size {
        BodySize::None => false,
        BodySize::Sized(size) => size >= MIN_SIZE,
        BodySize::Stream => true,
    };
    let strong_tag = headers.get(header::ETAG).is_some_and(|tag| !tag.as_bytes().starts_with(b"W/"));
    let text = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_text);
    large && !strong_tag && text && status != StatusCode::PARTIAL_CONTENT
}

fn is_text(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    (kind.starts_with("text/") && kind != "text/event-stream")
        || kind == "image/svg+xml"
        || (kind.starts_with("application/")
            && ["json", "xml", "javascript"].iter().any(|end| kind.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn the_clients_choice_counts() {
        for (accept, encoding) in [
            ("gzip, deflate, br, zstd", ContentEncoding::Zstd),
            ("gzip", ContentEncoding::Gzip),
            ("gzip;q=1.0, zstd;q=0.5", ContentEncoding::Gzip),
            ("gzip;q=0", ContentEncoding::Identity),
            ("br, deflate", ContentEncoding::Identity),
            ("*", ContentEncoding::Identity),
            ("gzip;q=x", ContentEncoding::Identity),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
            assert_eq!(accepted(&headers), encoding, "{accept}");
        }
    }
}
