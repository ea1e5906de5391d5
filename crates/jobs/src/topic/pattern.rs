//! Patterns of routing keys, as AMQP has them (AMQP 0-9-1, section 3.1.3.3).

use std::fmt;

use crate::error::Error;

/// The longest routing key or pattern, in bytes.
pub const MAX_ROUTING_KEY: usize = 255;

/// A pattern: words between dots, of which `*` is any one word and `#` is any number of words, none
/// included.
///
/// ```
/// use veza_jobs::topic::Pattern;
///
/// let pattern: Pattern = "property.*.#".parse().unwrap();
/// assert!(pattern.matches("property.updated") && pattern.matches("property.updated.price.eur"));
/// assert!(!pattern.matches("property") && !pattern.matches("tenant.updated"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern of everything.
    pub fn everything() -> Self {
        Self("#".to_owned())
    }

    /// Whether a routing key matches. It takes at most words × words steps, whatever the pattern.
    pub fn matches(&self, routing_key: &str) -> bool {
        let pattern: Vec<&str> = self.0.split('.').collect();
        let key: Vec<&str> = routing_key.split('.').collect();
        let (mut p, mut k) = (0, 0);
        // Where to go on after the last `#`, and the first word that it has not swallowed yet.
        let mut retry: Option<(usize, usize)> = None;
        while let Some(word) = key.get(k) {
            match pattern.get(p) {
                Some(&"#") => {
                    retry = Some((p + 1, k));
                    p += 1;
                }
                Some(wanted) if *wanted == "*" || wanted == word => {
                    p += 1;
                    k += 1;
                }
                _ => {
                    let Some((after, swallowed)) = retry else { return false };
                    retry = Some((after, swallowed + 1));
                    p = after;
                    k = swallowed + 1;
                }
            }
        }
        pattern.iter().skip(p).all(|rest| *rest == "#")
    }

    /// Whether it has no wildcard.
    pub fn is_exact(&self) -> bool {
        !self.0.split('.').any(is_wildcard)
    }

    /// As the database has it, where it was checked before.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let good = text.len() <= MAX_ROUTING_KEY && text.split('.').all(|w| is_wildcard(w) || is_word(w));
        if good { Ok(Self(text.to_owned())) } else { Err(refused("/pattern", ", or `*` or `#`")) }
    }
}

/// Checks a routing key.
pub(crate) fn check_routing_key(key: &str) -> Result<(), Error> {
    let good = key.len() <= MAX_ROUTING_KEY && key.split('.').all(is_word);
    if good { Ok(()) } else { Err(refused("/routing_key", "")) }
}

fn refused(field: &'static str, wildcards: &str) -> Error {
    let rule =
        format!("at most 255 bytes: words of A-Z, a-z, 0-9, `_`, `-` and `:`{wildcards}, with dots between");
    Error::field(field, "malformed", rule)
}

fn is_wildcard(word: &str) -> bool {
    word == "*" || word == "#"
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Slow and obvious.
    fn reference(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), _) => (0..=key.len()).any(|n| reference(rest, &key[n..])),
            (Some((word, rest)), Some((first, others))) => {
                (*word == "*" || word == first) && reference(rest, others)
            }
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn it_matches_what_the_slow_one_matches(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..8),
            key in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..8),
        ) {
            let fast: Pattern = pattern.join(".").parse().unwrap();
            prop_assert_eq!(fast.matches(&key.join(".")), reference(&pattern, &key));
        }
    }

    #[test]
    fn the_examples_of_the_standard() {
        let stock: Pattern = "*.stock.#".parse().unwrap();
        assert!(stock.matches("usd.stock") && stock.matches("eur.stock.db"));
        assert!(!stock.matches("stock.nasdaq"));
        assert!(Pattern::everything().matches("anything.at.all"));
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let pattern: Pattern = vec!["#.a"; 60].join(".").parse().unwrap();
        assert!(!pattern.matches(&vec!["a"; 59].join(".")));
        assert!(pattern.matches(&vec!["a"; 100].join(".")));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_field() {
        for wrong in ["", ".", "a..b", "a.", "a*", "##", "a b", "é", &"a".repeat(256)] {
            let Err(Error::Invalid(fields)) = wrong.parse::<Pattern>() else { panic!("{wrong}") };
            assert_eq!(fields[0].field, "/pattern");
            assert!(check_routing_key(wrong).is_err(), "{wrong}");
        }
        assert!(check_routing_key("a.*").is_err());
        assert!(check_routing_key("property:7.updated").is_ok());
    }
}
