//! Percent-encoding (RFC 3986, section 2.1), strictly.

use std::fmt::Write as _;

/// The text that is encoded; none when `%` is not followed by two hexadecimal digits or it is not UTF-8.
#[cfg(any(feature = "http", test))]
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut nibble = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (nibble()?, nibble()?);
        decoded.push(high << 4 | low);
    }
    String::from_utf8(decoded).ok()
}

/// Encodes all bytes but those to `keep`.
pub(crate) fn encode(text: &str, keep: impl Fn(u8) -> bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if keep(byte) && byte.is_ascii() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _always = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// A key as it stands in a path.
pub(crate) fn path(key: &str) -> String {
    encode(key, |byte| byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte))
}

/// A text as it stands in a header: what is visible in ASCII stays, but for `%`.
#[cfg(any(feature = "http", test))]
pub(crate) fn header(text: &str) -> String {
    encode(text, |byte| (byte.is_ascii_graphic() || byte == b' ') && byte != b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in ["", "a/b c", "100 %", "é\u{202e}/日本", "?#[]", "a\0b"] {
            assert_eq!(decode(&path(text)).as_deref(), Some(text));
            assert_eq!(decode(&header(text)).as_deref(), Some(text));
        }
        assert_eq!(path("a b/é"), "a%20b/%C3%A9");
        for broken in ["%", "%2", "%zz", "%+1", "%ff", "%c3"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
