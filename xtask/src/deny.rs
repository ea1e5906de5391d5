//! The two lists of deny.toml, so that cargo-deny and we read the same ones.

use std::fs;

use crate::Outcome;

/// What deny.toml allows and bans.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Deny {
    /// SPDX identifiers.
    pub(crate) licences: Vec<String>,
    /// Crate names, each with its reason.
    pub(crate) bans: Vec<(String, String)>,
}

/// Reads deny.toml.
pub(crate) fn read() -> Outcome<Deny> {
    let text = fs::read_to_string("deny.toml").map_err(|error| format!("deny.toml: {error}"))?;
    let deny = parse(&text);
    if deny.licences.is_empty() || deny.bans.is_empty() {
        return Err("deny.toml: keep one licence and one banned crate per line".to_owned());
    }
    Ok(deny)
}

/// Understands the lists as they are written there: one entry per line.
fn parse(text: &str) -> Deny {
    let mut deny = Deny::default();
    let (mut section, mut list) = ("", "");
    for line in text.lines().map(str::trim) {
        match line {
            _ if line.starts_with('[') => section = line,
            "]" => list = "",
            _ if line.ends_with("= [") => list = line.split_whitespace().next().unwrap_or_default(),
            _ => {
                let mut quoted = line.split('"').skip(1).step_by(2).map(str::to_owned);
                match (section, list, quoted.next(), quoted.next()) {
                    ("[licenses]", "allow", Some(licence), _) => deny.licences.push(licence),
                    ("[bans]", "deny", Some(name), reason) => {
                        deny.bans.push((name, reason.unwrap_or_default()));
                    }
                    _ => {}
                }
            }
        }
    }
    deny
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_both_lists_and_nothing_else() {
        let text = "[licenses]\nconfidence = 0.9\nallow = [\n    \"MIT\",\n]\nexceptions = [\n    \"no\",\n]\n\
                    [bans]\ndeny = [\n    { crate = \"ring\", reason = \"one provider\" },\n]\n[sources]\nx = \"y\"\n";
        let expected = Deny {
            licences: vec!["MIT".to_owned()],
            bans: vec![("ring".to_owned(), "one provider".to_owned())],
        };
        assert_eq!(parse(text), expected);
    }
}
