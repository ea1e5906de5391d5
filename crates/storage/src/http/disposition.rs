//! How a browser is to treat an object: shown, or kept as a file.

use crate::object::Object;
use crate::percent;

/// Types that show, play or read without running anything.
const SHOWN: [&str; 17] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
    "image/x-icon",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "text/plain",
    "application/pdf",
];

/// Whether a browser may show this type. All others, such as HTML, SVG and scripts, may run in the origin of the
/// API, and are kept as files whatever who stored them says.
fn is_shown(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    SHOWN.iter().any(|shown| essence.eq_ignore_ascii_case(shown))
}

/// `Content-Disposition` of an object: what was stored with it, but never `inline` for what may run.
pub(super) fn of(object: &Object) -> String {
    let shown = is_shown(&object.attributes.content_type);
    let stored = object.attributes.content_disposition.as_deref();
    match stored.map(|stored| (stored, stored.split_once(';'))) {
        Some((stored, _)) if shown => stored.to_owned(),
        Some((_, Some((_, parameters)))) => format!("attachment;{parameters}"),
        Some((_, None)) => "attachment".to_owned(),
        None => default(if shown { "inline" } else { "attachment" }, object),
    }
}

/// With the last part of the key as the file's name (RFC 6266 and RFC 8187).
fn default(kind: &str, object: &Object) -> String {
    let name = object.key.rsplit('/').next().unwrap_or_default();
    if name.is_empty() {
        return kind.to_owned();
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    format!("{kind}; filename*=UTF-8''{}", percent::encode(name, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_run_is_not_shown() {
        for shown in ["image/png", "IMAGE/PNG", "text/plain; charset=utf-8", "application/pdf"] {
            assert!(is_shown(shown), "{shown}");
        }
        for kept in ["text/html", "image/svg+xml", "application/javascript", "text/xml", "x/y", "", "image/*"]
        {
            assert!(!is_shown(kept), "{kept}");
        }
    }
}
