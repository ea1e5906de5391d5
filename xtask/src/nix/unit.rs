//! systemd's word on units: whether they are valid, and how much they leave open.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::eval::Tree;
use super::snapshot;
use crate::Outcome;

const BUDGET: &str = "nix/checks/exposure.json";

/// What `systemd-analyze verify` says of a unit that is right, on a machine where it is not installed.
const EXPECTED: [&str; 4] = [
    " is not executable: No such file or directory",
    "Unit postgresql.target not found",
    // Of systemd 254; NixOS has them.
    "Unknown key 'RestartSteps'",
    "Unknown key 'RestartMaxDelaySec'",
];

/// Our own units, as committed.
pub(crate) fn snapshots() -> Outcome {
    let units = snapshot::files(|name| name != "veza.toml")?;
    let mut mistakes = scores(&units)?;
    let mut nodes: BTreeMap<&Path, Vec<&PathBuf>> = BTreeMap::new();
    for unit in &units {
        nodes.entry(unit.parent().unwrap_or(Path::new("."))).or_default().push(unit);
    }
    for (node, units) in nodes {
        mistakes.extend(verify(node, &units)?);
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

/// Units of other daemons that we close further than nixpkgs does.
pub(crate) fn daemons(tree: &Tree) -> Outcome {
    let directory = Path::new("target/nix/daemons");
    let failed = |error| format!("{}: {error}", directory.display());
    let mut units = Vec::new();
    for (node, kinds) in tree.value("rendered")?.as_object().into_iter().flatten() {
        for (name, text) in kinds.get("others").and_then(Value::as_object).into_iter().flatten() {
            let unit = directory.join(node).join(name);
            fs::create_dir_all(directory.join(node))
                .and_then(|()| fs::write(&unit, text.as_str().unwrap_or_default()))
                .map_err(failed)?;
            units.push(unit);
        }
    }
    let mistakes = scores(&units)?;
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

/// Which services are more exposed than their budget. No service at all would prove nothing.
fn scores(units: &[PathBuf]) -> Outcome<Vec<String>> {
    let text = fs::read_to_string(BUDGET).map_err(|error| format!("{BUDGET}: {error}"))?;
    let budget: Value = serde_json::from_str(&text).map_err(|error| format!("{BUDGET}: {error}"))?;
    let services: Vec<&PathBuf> =
        units.iter().filter(|unit| unit.extension().is_some_and(|kind| kind == "service")).collect();
    if services.is_empty() {
        return Err("there is no service to score".to_owned());
    }
    let mut mistakes = Vec::new();
    for service in services {
        let name = service.file_name().unwrap_or_default().to_string_lossy();
        let exception = budget.get("exceptions").and_then(|all| all.get(name.as_ref()));
        let at_most = exception.unwrap_or(&budget).get("at_most").and_then(Value::as_f64).unwrap_or_default();
        let is = exposure(service)?;
        if is > at_most {
            mistakes.push(format!("{}: its exposure is {is}, and may be {at_most}", service.display()));
        }
    }
    Ok(mistakes)
}

fn exposure(service: &Path) -> Outcome<f64> {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager"]).arg(service);
    let output = command.output().map_err(|error| format!("cannot run systemd-analyze: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    overall(&text).ok_or_else(|| {
        format!("{}: no exposure told: {text}{}", service.display(), String::from_utf8_lossy(&output.stderr))
    })
}

/// The number in `→ Overall exposure level for veza-api.service: 1.1 OK`.
fn overall(text: &str) -> Option<f64> {
    let (_, rest) = text.lines().find_map(|line| line.split_once("Overall exposure level for "))?;
    rest.split_once(": ")?.1.split_whitespace().next()?.parse().ok()
}

/// What systemd does not understand in the units of one node.
fn verify(node: &Path, units: &[&PathBuf]) -> Outcome<Vec<String>> {
    let mut command = Command::new("systemd-analyze");
    let node = fs::canonicalize(node).map_err(|error| format!("{}: {error}", node.display()))?;
    // With the machine's own directories behind ours.
    command.env("SYSTEMD_UNIT_PATH", format!("{}:", node.display()));
    command.args(["verify", "--man=no"]).args(units);
    let output = command.output().map_err(|error| format!("cannot run systemd-analyze: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let names: Vec<_> = units.iter().filter_map(|unit| Some(unit.file_name()?.to_string_lossy())).collect();
    Ok(said
        .lines()
        // What it says of units of this machine is not ours to judge.
        .filter(|line| names.iter().any(|name| line.contains(name.as_ref())))
        .filter(|line| !EXPECTED.iter().any(|known| line.contains(known)))
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_read() {
        let text = "  NAME  DESCRIPTION\n\n→ Overall exposure level for veza-api.service: 1.1 OK 🙂\n";
        assert_eq!(overall(text), Some(1.1));
        assert_eq!(overall("nothing"), None);
    }
}
