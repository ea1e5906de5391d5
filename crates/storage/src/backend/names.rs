//! What buckets and the names in them may be called, so that no URL must escape anything.

/// Letters, digits, `-`, `_` and `.`, at least one.
pub(super) fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(plain)
}

/// Nothing, or words with a slash behind each.
pub(super) fn is_prefix(text: &str) -> bool {
    let is_name = |name| is_word(name) && !matches!(name, "." | "..");
    text.is_empty() || text.strip_suffix('/').is_some_and(|names| names.split('/').all(is_name))
}
