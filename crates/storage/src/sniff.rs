//! What bytes are, when nobody says.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;

use crate::Body;

/// The media type of bytes of which nothing is known; who sends it says nothing.
pub(crate) const UNKNOWN: &str = "application/octet-stream";
/// Bytes that are looked at: office documents show what they are within so many.
pub(crate) const LOOK: usize = 8 * 1024;

/// The media type that the first bytes of an object show; none when they show nothing.
pub(crate) fn media_type(first: &[u8]) -> Option<&'static str> {
    let known = infer::get(first).map(|kind| kind.mime_type());
    known.or_else(|| is_text(first).then_some("text/plain; charset=utf-8"))
}

/// The type that an object gets: what was said, or else what its first bytes show.
pub(crate) fn refined(said: &str, first: &[u8]) -> String {
    let shown = if said == UNKNOWN { media_type(first) } else { None };
    shown.unwrap_or(said).to_owned()
}

/// UTF-8 without characters that no text has; the last character may be cut.
fn is_text(first: &[u8]) -> bool {
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => first
            .get(..error.valid_up_to())
            .and_then(|whole| std::str::from_utf8(whole).ok())
            .unwrap_or_default(),
        Err(_) => return false,
    };
    let odd = |character: char| character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{c}');
    !text.is_empty() && !text.contains(odd)
}

/// The first bytes of a body that flows.
#[derive(Debug, Clone, Default)]
pub(crate) struct First(Arc<Mutex<Vec<u8>>>);

impl First {
    /// What has come so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the first bytes of a body while somebody reads it.
    pub(crate) fn of(body: Body) -> (Body, Self) {
        let first = Self::default();
        let noted = first.clone();
        let body = body.inspect(move |chunk| {
            let Ok(chunk) = chunk else { return };
            let mut first = noted.0.lock().unwrap_or_else(PoisonError::into_inner);
            let room = LOOK.saturating_sub(first.len());
            first.extend(chunk.iter().take(room));
        });
        (Box::pin(body), first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_their_first_bytes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for (bytes, kind) in [
            (&png[..], Some("image/png")),
            (b"%PDF-1.7\n", Some("application/pdf")),
            (b"<!DOCTYPE html><html>", Some("text/html")),
            (b"<?xml version=\"1.0\"?>", Some("text/xml")),
            (b"hello\n", Some("text/plain; charset=utf-8")),
            ("caf\u{e9}".as_bytes().split_last().unwrap().1, Some("text/plain; charset=utf-8")),
            (b"\x00\x01\x02", None),
            (b"\xff\xfe", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), kind, "{bytes:?}");
        }
        assert_eq!(refined(UNKNOWN, png), "image/png");
        assert_eq!(refined("text/plain", png), "text/plain", "what is said is said");
        assert_eq!(refined(UNKNOWN, b"\0"), UNKNOWN);
    }

    #[tokio::test]
    async fn the_first_bytes_are_noted_and_no_more() {
        let (body, first) = First::of(crate::body::full(vec![7; 3 * LOOK]));
        assert_eq!(body.collect::<Vec<_>>().await.len(), 1);
        assert_eq!(first.bytes(), vec![7; LOOK]);
    }
}
