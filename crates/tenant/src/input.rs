//! Rules for what people type: names, addresses, slugs, passwords.

use unicode_normalization::UnicodeNormalization;
use veza_core::{FieldError, holds_nul};

use crate::error::Error;

/// Collects the broken rules of one input, so that all are told at once.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<FieldError>);

impl Rules {
    pub(crate) fn check(&mut self, field: &'static str, holds: bool, code: &'static str, rule: &'static str) {
        if !holds {
            self.0.push(FieldError::new(field, code, rule));
        }
    }

    /// A name for people to read: 1 to 200 characters, no control characters, not only blanks.
    pub(crate) fn name(&mut self, field: &'static str, name: &str) {
        let readable = !name.trim().is_empty() && !name.chars().any(char::is_control);
        let length = name.chars().count();
        self.check(
            field,
            readable && length <= 200,
            "name",
            "1 to 200 characters, none of them control characters",
        );
    }

    /// A new password: 10 to 200 characters. Length is what counts (NIST SP 800-63B section 5.1.1).
    pub(crate) fn password(&mut self, field: &'static str, password: &str) {
        let length = password.chars().count();
        self.check(field, (10..=200).contains(&length), "password", "10 to 200 characters");
    }

    /// A slug: it becomes a host name, so it is a DNS label (RFC 1035) in ASCII. Letters that look
    /// like others cannot occur.
    pub(crate) fn slug(&mut self, field: &'static str, slug: &str) {
        self.check(
            field,
            is_slug(slug),
            "slug",
            "3 to 40 of a-z, 0-9 and -, beginning with a letter, not ending with -, not reserved",
        );
    }

    /// An object of free data: at most `limit` bytes as JSON.
    pub(crate) fn object(&mut self, field: &'static str, value: &serde_json::Value, limit: usize) {
        let size = value.to_string().len();
        self.check(field, value.is_object(), "type", "an object");
        self.check(field, !holds_nul(value), "nul", "no character NUL");
        self.check(field, size <= limit, "too_large", "at most 16384 bytes as JSON");
    }

    /// An address in the form that is compared, when it is one.
    pub(crate) fn email(&mut self, field: &'static str, email: &str) -> Email {
        let parsed = Email::parse(email);
        self.check(
            field,
            parsed.is_some(),
            "email",
            "an e-mail address of at most 254 characters, its domain in ASCII",
        );
        parsed.unwrap_or_default()
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

/// Names that hosts and paths of the deployment itself use.
const RESERVED: [&str; 14] = [
    "admin", "api", "app", "assets", "auth", "console", "docs", "health", "mail", "metrics", "static",
    "status", "veza", "www",
];

pub(crate) fn is_slug(slug: &str) -> bool {
    let bytes = slug.as_bytes();
    (3..=40).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last() != Some(&b'-')
        // `xn--` would be read as an internationalised name.
        && !slug.contains("--")
        && !RESERVED.contains(&slug)
}

/// An e-mail address, as written and as compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Email {
    pub(crate) written: String,
    /// Compatibility-normalised and lower case: `Ｂｏｂ@Example.ORG` is `bob@example.org`.
    pub(crate) key: String,
}

/// Compatibility-normalised and lower case, so that what looks the same is the same.
pub(crate) fn comparable(text: &str) -> String {
    text.chars().take(1_000).nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

impl Email {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let key = comparable(text);
        let (local, domain) = key.rsplit_once('@')?;
        let printable = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
        let local_fits = !local.is_empty() && local.len() <= 64 && local.chars().all(printable);
        let domain_fits = domain.split('.').count() >= 2 || domain == "localhost";
        // ASCII alone keeps `exаmple.org` with a Cyrillic letter from passing for another;
        // international names are written as their mail servers know them, `xn--…`.
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        (key.len() <= 254 && text.len() <= 254 && local_fits && domain_fits && domain.split('.').all(label))
            .then(|| Self { written: text.to_owned(), key: key.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, key) in [
            ("Bob@Example.ORG", "bob@example.org"),
            ("Ｂｏｂ@example.org", "bob@example.org"),
            ("a+b.c@sub.example.org", "a+b.c@sub.example.org"),
            ("root@localhost", "root@localhost"),
            ("ж@xn--80a1acny.xn--p1ai", "ж@xn--80a1acny.xn--p1ai"),
        ] {
            assert_eq!(Email::parse(text).unwrap_or_default().key, key, "{text}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "",
            "@",
            "a@",
            "@b.c",
            "a b@c.de",
            "a@b@c.de",
            "a@b",
            "a@-b.c",
            "a@b..c",
            "a@b.c\n",
            &long,
            "bob@exаmple.org",
            "ж@почта.рф",
        ] {
            assert_eq!(Email::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn slugs() {
        for slug in ["acme", "acme-2", "a1b"] {
            assert!(is_slug(slug), "{slug}");
        }
        for slug in
            ["", "ab", "Acme", "аcme", "acme-", "-acme", "1acme", "xn--acme", "a--b", "admin", "a_b", "a.b"]
        {
            assert!(!is_slug(slug), "{slug}");
        }
        assert!(!is_slug(&"a".repeat(41)));
    }
}
