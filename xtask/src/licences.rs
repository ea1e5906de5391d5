//! `cargo xtask licences`: what we may link, checked without asking a server.

use std::collections::BTreeSet;

use crate::deny::{self, Deny};
use crate::{Outcome, shell, spdx};

/// A package that is compiled. Cargo.lock names more: features that nobody turns on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    /// The SPDX expression of its manifest; empty when it names none.
    licence: String,
}

pub(crate) fn run() -> Outcome {
    let deny = deny::read()?;
    let packages = packages()?;
    let mistakes: Vec<String> = packages.iter().filter_map(|package| mistake(package, &deny)).collect();
    if mistakes.is_empty() {
        println!("{} packages: licences allowed, none banned", packages.len());
        return Ok(());
    }
    Err(mistakes.join("\n"))
}

/// Everything that is compiled for Linux, for tests and build scripts too.
fn packages() -> Outcome<BTreeSet<Package>> {
    let mut command = shell::cargo_with("tree --locked --workspace --all-features --prefix none");
    command.args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}\t{l}"]);
    Ok(shell::read(command)?.lines().filter_map(package).collect())
}

/// Reads `serde v1.0.228 (proc-macro)<tab>MIT OR Apache-2.0 (*)`.
fn package(line: &str) -> Option<Package> {
    let (package, licence) = line.split_once('\t')?;
    let (name, version) = package.split_once(' ')?;
    let version = version.split_whitespace().next()?.to_owned();
    let licence = licence.trim_end_matches("(*)").trim().to_owned();
    Some(Package { name: name.to_owned(), version, licence })
}

fn mistake(package: &Package, deny: &Deny) -> Option<String> {
    let Package { name, version, licence } = package;
    if let Some((_, reason)) = deny.bans.iter().find(|(banned, _)| banned == name) {
        return Some(format!(
            "{name} {version} is banned: {reason}; `cargo tree -i {name}` shows who brings it"
        ));
    }
    let allowed = spdx::satisfied(licence, &deny.licences);
    (!allowed)
        .then(|| format!("{name} {version} has the licence `{licence}`, which deny.toml does not allow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Package {
        package(line).unwrap()
    }

    #[test]
    fn reads_what_cargo_tree_prints() {
        let Package { name, version, licence } = read("paste v1.0.15 (proc-macro)\tMIT OR Apache-2.0 (*)");
        assert_eq!(
            (name.as_str(), version.as_str(), licence.as_str()),
            ("paste", "v1.0.15", "MIT OR Apache-2.0")
        );
    }

    #[test]
    fn refuses_bans_and_other_licences() {
        let deny =
            Deny { licences: vec!["MIT".to_owned()], bans: vec![("ring".to_owned(), "why".to_owned())] };
        assert_eq!(mistake(&read("serde v1.0.0\tMIT"), &deny), None);
        assert!(mistake(&read("ring v0.17.14\tMIT"), &deny).unwrap().contains("why"));
        assert!(mistake(&read("viral v1.0.0\tGPL-3.0"), &deny).is_some());
        assert!(mistake(&read("silent v1.0.0\t"), &deny).is_some());
    }
}
