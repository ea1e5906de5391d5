//! The program's word on what the modules render.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::eval::Tree;
use super::snapshot;
use crate::{Outcome, shell};

/// What the program says of a section that belongs to a feature it was built without; all else of the section is
/// looked at all the same.
const WITHOUT: &str = "was built without";

/// Runs the program as it is now, with a configuration.
fn veza(file: &Path, words: &[&str]) -> Outcome<String> {
    veza_with(file, words, &[])
}

fn veza_with(file: &Path, words: &[&str], variables: &[String]) -> Outcome<String> {
    let mut command = shell::cargo_with("run --quiet --package veza-server --bin veza --");
    command.arg("--config").arg(file).args(words);
    // Only the file is to count.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("VEZA_")) {
        command.env_remove(name);
    }
    command.envs(variables.iter().map(|name| (name, "placeholder")));
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
    let check = |file: &PathBuf| veza_with(file, &["config", "check"], &secrets_beside(file)).err();
    let mistakes: Vec<String> = files.iter().filter_map(check).filter(|said| is_mistake(said)).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

/// Whether there is more to complain of than features that this build lacks.
fn is_mistake(said: &str) -> bool {
    let mut problems = said.lines().filter(|line| line.starts_with("  - ")).peekable();
    problems.peek().is_none() || problems.any(|line| !line.contains(WITHOUT))
}

/// The variables of secrets that the units beside a configuration bring, without which it is not whole.
fn secrets_beside(file: &Path) -> Vec<String> {
    let units = file.parent().and_then(|directory| fs::read_dir(directory).ok());
    let texts = units.into_iter().flatten().flatten().filter_map(|unit| fs::read_to_string(unit.path()).ok());
    let mut names: Vec<String> = texts.flat_map(|text| words_of(&text)).collect();
    names.sort();
    names.dedup();
    names
}

/// Those of which any word will do; a root key is always a file.
fn words_of(unit: &str) -> Vec<String> {
    let names = unit.lines().filter_map(|line| line.strip_prefix("Environment=\"")?.split_once("_FILE=%d/"));
    let names = names.map(|(name, _)| name.to_owned());
    names
        .filter(|name| name.starts_with("VEZA_STORAGE__") || name.starts_with("VEZA_STREAM__"))
        .filter(|name| !name.ends_with("ROOT_KEY"))
        .collect()
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
    fn a_lacking_feature_is_no_mistake_of_the_configuration() {
        let one =
            "f: veza: the configuration cannot work:\n  - s3 is set, and this program was built without S3\n";
        assert!(!is_mistake(one));
        assert!(is_mistake(&format!("{one}  - storage.s3.prefix ends without /\n")));
        assert!(is_mistake("f: unknown field `listn`"));
    }

    #[test]
    fn secrets_are_read_from_units() {
        let unit = "[Service]\nEnvironment=\"VEZA_STREAM__TURN_PASSWORD_FILE=%d/stream.turn_password\"\n\
            Environment=\"VEZA_STORAGE__ROOT_KEY_FILE=%d/storage.root_key\"\n";
        assert_eq!(words_of(unit), ["VEZA_STREAM__TURN_PASSWORD"]);
    }

    #[test]
    fn values_are_read_from_the_help() {
        let help = "Options:\n  --role <ROLE>\n      Possible values:\n      - api:    The HTTP API\n      - worker: The rest\n";
        assert_eq!(possible_values(help), ["api", "worker"].map(str::to_owned).into());
    }
}
