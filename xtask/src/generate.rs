//! `cargo xtask gen`: files that programs write and people review.

use std::fs;
use std::path::Path;

use crate::{Outcome, embedded, graph, observe, shell};

/// What the veza program prints into which file.
const PRINTED: [(&str, &str); 7] = [
    ("docs/reference/asyncapi.json", "asyncapi"),
    ("docs/reference/openapi.json", "openapi"),
    ("docs/reference/config.schema.json", "config schema"),
    ("docs/reference/configuration.md", "config reference"),
    ("docs/reference/errors.md", "errors"),
    ("docs/reference/metrics.md", "metrics"),
    ("docs/reference/schema.sql", "schema"),
];

const MIGRATIONS: &str = "crates/core/src/db/embedded.rs";
const ARCHITECTURE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- graph:begin -->\n";
const END: &str = "<!-- graph:end -->";

/// Writes every file, or says which are stale. One that cannot be made does not hide the others.
pub(crate) fn run(check: bool) -> Outcome {
    // The program compiles the migrations in: they come first.
    let mut results = vec![
        embedded::text().and_then(|text| update(MIGRATIONS, &text, check)),
        architecture().and_then(|text| update(ARCHITECTURE, &text, check)),
    ];
    shell::run(shell::cargo_with("build --package veza-server --bin veza"))?;
    results.extend(PRINTED.map(|(path, words)| print(words).and_then(|text| update(path, &text, check))));
    // Of the list of metrics that was just written, or is compared.
    results.push(print("metrics").and_then(|metrics| observed(&metrics, check)));
    let mistakes: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    if mistakes.is_empty() {
        println!("every generated file is up to date");
        return Ok(());
    }
    Err(mistakes.join("\n"))
}

fn observed(metrics: &str, check: bool) -> Outcome {
    let files = observe::files(metrics)?;
    files.iter().try_for_each(|(path, text)| update(&path.display().to_string(), text, check))
}

/// Writes the file when its text differs, or fails when it must not.
fn update(path: &str, text: &str, check: bool) -> Outcome {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if check {
        return Err(format!("{path} is stale: `cargo xtask gen` writes it again"));
    }
    let dir = Path::new(path).parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{path}: {error}"))?;
    println!("wrote {path}");
    Ok(())
}

/// Runs the program that was just built. Its text ends with exactly one line end.
fn print(arguments: &str) -> Outcome<String> {
    let mut command = shell::cargo();
    command.args(["run", "--quiet", "--package", "veza-server", "--bin", "veza", "--"]);
    command.args(arguments.split_whitespace());
    let text = shell::read(command)?;
    match text.trim_end() {
        "" => Err(format!("`veza {arguments}` printed nothing")),
        text => Ok(format!("{text}\n")),
    }
}

fn architecture() -> Outcome<String> {
    let text = fs::read_to_string(ARCHITECTURE).map_err(|error| format!("{ARCHITECTURE}: {error}"))?;
    insert(&text, &graph::diagram()?)
        .ok_or_else(|| format!("{ARCHITECTURE} lacks the lines {BEGIN}and {END}"))
}

/// Replaces what stands between the two markers.
fn insert(text: &str, graph: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{graph}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_only_what_is_between_the_markers() {
        let text = format!("a\n{BEGIN}old\n{END}\nz\n");
        assert_eq!(insert(&text, "new\n"), Some(format!("a\n{BEGIN}new\n{END}\nz\n")));
        assert_eq!(insert("no markers", "new\n"), None);
    }
}
