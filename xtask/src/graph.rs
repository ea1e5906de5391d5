//! The direction of the dependencies between our crates.

use std::fmt::Write;

use crate::metadata::{Package, workspace};
use crate::{Outcome, shell};

/// The nouns: each is usable alone, without the web.
const NOUNS: [&str; 5] = ["veza-tenant", "veza-chat", "veza-stream", "veza-storage", "veza-jobs"];

/// What each crate may depend on. A crate that is not here may depend on none of ours.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("veza-web", &["veza-core"]),
    ("veza-jobs", &["veza-core", "veza-web"]),
    ("veza-storage", &["veza-core", "veza-jobs", "veza-web"]),
    ("veza-chat", &["veza-core", "veza-jobs", "veza-storage", "veza-web"]),
    ("veza-stream", &["veza-core", "veza-jobs", "veza-storage", "veza-web"]),
    ("veza-tenant", &["veza-core", "veza-jobs", "veza-web"]),
    (
        "veza",
        &["veza-chat", "veza-core", "veza-jobs", "veza-storage", "veza-stream", "veza-tenant", "veza-web"],
    ),
    (
        "veza-server",
        &[
            "veza",
            "veza-chat",
            "veza-core",
            "veza-jobs",
            "veza-postgres",
            "veza-storage",
            "veza-stream",
            "veza-tenant",
            "veza-web",
        ],
    ),
    (
        "veza-testing",
        &[
            "veza",
            "veza-chat",
            "veza-core",
            "veza-jobs",
            "veza-postgres",
            "veza-storage",
            "veza-stream",
            "veza-tenant",
            "veza-testing-macros",
            "veza-web",
        ],
    ),
    ("veza-testing-s3", &["veza-core", "veza-storage"]),
    ("veza-testing-clouds", &["veza-core", "veza-storage", "veza-testing-s3"]),
];

/// What nobody should compile who only wants queues, or files in a directory.
const HEAVY: [(&str, &[&str]); 2] = [
    ("veza-jobs", &["actix", "aws-", "rtc"]),
    ("veza-storage", &["actix", "aws-sdk", "aws-smithy", "hyper", "object_store", "rtc", "rustls"]),
];

/// One arrow: who depends on whom.
struct Edge {
    from: String,
    to: String,
    optional: bool,
}

/// Prints the diagram, or checks the rules.
pub(crate) fn run(check: bool) -> Outcome {
    let edges = edges(&workspace()?);
    if !check {
        print!("{}", mermaid(&edges));
        return Ok(());
    }
    let mut mistakes: Vec<String> = edges.iter().filter_map(mistake).collect();
    for (package, heavy) in HEAVY {
        mistakes.extend(impurities(package, heavy)?);
    }
    if mistakes.is_empty() {
        println!("{} dependencies between our crates, all in the allowed direction", edges.len());
        return Ok(());
    }
    Err(mistakes.join("\n"))
}

/// The diagram for ARCHITECTURE.md; a dotted arrow is an optional dependency.
pub(crate) fn diagram() -> Outcome<String> {
    Ok(format!("```mermaid\n{}```\n", mermaid(&edges(&workspace()?))))
}

fn edges(packages: &[Package]) -> Vec<Edge> {
    let ours = |name: &str| packages.iter().any(|package| package.name == name);
    let of = |package: &Package| {
        let own = package.dependencies.iter().filter(|dependency| ours(&dependency.name));
        let edge = |to: &crate::metadata::Dependency| Edge {
            from: package.name.clone(),
            to: to.name.clone(),
            optional: to.optional,
        };
        own.map(edge).collect::<Vec<_>>()
    };
    // The tests and this tool stand beside the building.
    packages
        .iter()
        .filter(|package| package.name.starts_with("veza") && package.name != "veza-tests")
        .flat_map(of)
        .collect()
}

fn mermaid(edges: &[Edge]) -> String {
    let short = |name: &str| name.strip_prefix("veza-").unwrap_or(name).to_owned();
    let mut text = String::from("graph TD\n");
    for edge in edges {
        let arrow = if edge.optional { "-.->" } else { "-->" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {} {arrow} {}", short(&edge.from), short(&edge.to));
    }
    text
}

fn mistake(Edge { from, to, optional }: &Edge) -> Option<String> {
    let allowed =
        ALLOWED.iter().find(|(name, _)| name == from).map_or::<&[&str], _>(&[], |(_, allowed)| allowed);
    if !allowed.contains(&to.as_str()) {
        return Some(format!("{from} must not depend on {to}; it may depend on: {}", allowed.join(", ")));
    }
    let plain = to == "veza-web" && NOUNS.contains(&from.as_str()) && !optional;
    plain.then(|| {
        format!("{from} must be usable without veza-web: make it optional, behind the feature `http`")
    })
}

fn impurities(package: &str, heavy: &[&str]) -> Outcome<Vec<String>> {
    let arguments = format!("tree -p {package} -e normal --no-default-features --prefix none");
    let tree = shell::read(shell::cargo_with(&arguments))?;
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let mut found: Vec<&str> =
        names.filter(|name| heavy.iter().any(|heavy| name.starts_with(heavy))).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().map(|name| format!("{package} without features must not compile {name}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(from: &str, to: &str, optional: bool) -> Option<String> {
        mistake(&Edge { from: from.to_owned(), to: to.to_owned(), optional })
    }

    #[test]
    fn arrows_point_down_and_never_at_tenant() {
        assert_eq!(verdict("veza-chat", "veza-storage", false), None);
        assert!(verdict("veza-chat", "veza-tenant", true).is_some());
        assert!(verdict("veza-core", "veza-web", true).is_some());
        assert!(verdict("veza-postgres", "veza-core", false).is_some());
        assert!(verdict("veza-testing", "veza-server", false).is_some());
    }

    #[test]
    fn a_noun_takes_the_web_only_as_an_option() {
        assert!(verdict("veza-jobs", "veza-web", false).is_some());
        assert_eq!(verdict("veza-jobs", "veza-web", true), None);
        assert_eq!(verdict("veza-server", "veza-web", false), None);
    }
}
