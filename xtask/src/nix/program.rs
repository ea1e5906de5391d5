//! The program's word on what the modules render.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::eval::Tree;
use super::snapshot;
use crate::{Outcome, shell};

/// Runs the program as it is now, with a configuration.
fn veza(file: &Path, words: &[&str]) -> Outcome<String> {
    let mut command = shell::cargo_with("run --quiet --package veza-server --bin veza --");
    command.arg("--config").arg(file).args(words);
    // Only the file is to count.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("VEZA_")) {
        command.env_remove(name);
    }
    let output = command.output().map_err(|error| format!("cannot run the program: {error}"))?;
    if !output.status.success() {
        return Err(format!("{}: {}", file.display(), String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

/// `veza config check` on the configuration of each node.
pub(crate) fn snapshots() -> Outcome {
    let files = snapshot::files(|name| name == "veza.toml")?;
    if files.is_empty() {
        return Err("there is no veza.toml among the snapshots".to_owned());
    }
    let mistakes: Vec<String> =
        files.iter().filter_map(|file| veza(file, &["config", "check"]).err()).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

/// The modules' table of roles against `veza serve --role`.
pub(crate) fn roles() -> Outcome {
    let mut command = Command::new("nix-instantiate");
    command.args(["--eval", "--strict", "--json", "--expr"]);
    command.arg("builtins.attrNames (import ./nixos-modules/roles.nix)");
    let modules: BTreeSet<String> = serde_json::from_str::<Vec<String>>(&shell::read(command)?)
        .map_err(|error| error.to_string())?
        .into_iter()
        .collect();
    let help = veza(Path::new("/dev/null"), &["serve", "--help"])?;
    let program = possible_values(&help);
    if modules == program {
        return Ok(());
    }
    Err(format!("nixos-modules/roles.nix has {modules:?}, and `veza serve --role` {program:?}"))
}

/// The values that the help text lists, as `- api: The HTTP API`.
fn possible_values(help: &str) -> BTreeSet<String> {
    let value = |line: &str| Some(line.trim().strip_prefix("- ")?.split_once(':')?.0.to_owned());
    help.lines().filter_map(value).collect()
}

/// A file that says what the modules take for the defaults changes nothing.
pub(crate) fn defaults(tree: &Tree) -> Outcome {
    let text = tree.value("settings")?;
    let text = text.get("defaults").and_then(Value::as_str).filter(|text| !text.is_empty());
    let file = Path::new("target/nix/defaults.toml");
    fs::create_dir_all("target/nix")
        .and_then(|()| fs::write(file, text.ok_or(std::io::ErrorKind::InvalidData)?))
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let (said, unsaid) =
        (veza(file, &["config", "show"])?, veza(Path::new("/dev/null"), &["config", "show"])?);
    let differs = said.lines().zip(unsaid.lines()).find(|(one, other)| one != other);
    match differs {
        None if said == unsaid => Ok(()),
        _ => Err(format!(
            "the modules' defaults are not the program's: {differs:?}; `cargo xtask gen` writes the schema again"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_the_help() {
        let help = "Options:\n  --role <ROLE>\n      Possible values:\n      - api:    The HTTP API\n      - worker: The rest\n";
        assert_eq!(possible_values(help), ["api", "worker"].map(str::to_owned).into());
    }
}
