//! Alerts and dashboards: whether Prometheus understands them, and whether what they look at is measured.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::Outcome;
use crate::observe::{DASHBOARDS, METRICS, RULES, metric};

/// Deployments that are well or not, and what alerts say of them.
const CASES: &str = "nix/checks/alerts.yaml";

pub(crate) fn run() -> Outcome {
    let known = known(&read(Path::new(METRICS))?);
    let (rules, dashboards) = (files(RULES)?, files(DASHBOARDS)?);
    let mut mistakes = Vec::new();
    for file in rules.iter().chain(&dashboards) {
        let unknown: Vec<String> =
            named(&read(file)?).into_iter().filter(|name| !known.contains(name.as_str())).collect();
        mistakes.extend(
            unknown.iter().map(|name| format!("{}: {name} is no metric of {METRICS}", file.display())),
        );
    }
    let shown = Path::new("target/nix/dashboards.rules.json");
    let text =
        json!({ "groups": [{ "name": "dashboards", "rules": expressions(&dashboards)? }] }).to_string();
    fs::create_dir_all("target/nix")
        .and_then(|()| fs::write(shown, text))
        .map_err(|error| format!("{}: {error}", shown.display()))?;
    for file in rules.iter().map(PathBuf::as_path).chain([shown]) {
        mistakes.extend(promtool("check", file).err());
    }
    mistakes.extend(promtool("test", Path::new(CASES)).err());
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Its files, in order. None would prove nothing.
fn files(directory: &str) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{directory}: {error}"))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    if files.is_empty() { Err(format!("{directory} is empty")) } else { Ok(files) }
}

/// The metrics of the reference, with what a histogram is made of.
fn known(reference: &str) -> BTreeSet<String> {
    metric::all(reference).iter().flat_map(metric::Metric::series).collect()
}

/// Every word of a text that names a metric of ours.
fn named(text: &str) -> BTreeSet<String> {
    let words =
        text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'));
    words.filter(|word| word.starts_with("veza_")).map(str::to_owned).collect()
}

/// The expressions of all panels, as rules that record them.
fn expressions(dashboards: &[PathBuf]) -> Outcome<Vec<Value>> {
    let mut rules = Vec::new();
    for file in dashboards {
        let board: Value =
            serde_json::from_str(&read(file)?).map_err(|error| format!("{}: {error}", file.display()))?;
        let panels = board.get("panels").and_then(Value::as_array).into_iter().flatten();
        let targets = panels.filter_map(|panel| panel.get("targets")?.as_array()).flatten();
        for expression in targets.filter_map(|target| target.get("expr")?.as_str()) {
            // Grafana's own variable.
            let expression = expression.replace("$__rate_interval", "5m");
            rules.push(json!({ "record": format!("panel:{}", rules.len()), "expr": expression }));
        }
    }
    if rules.is_empty() { Err(format!("{DASHBOARDS}: no panel asks for anything")) } else { Ok(rules) }
}

/// Checks rules, or runs cases in which alerts must or must not fire.
fn promtool(verb: &str, file: &Path) -> Outcome {
    let mut command = Command::new("promtool");
    command.args([verb, "rules"]).arg(file).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("cannot run promtool: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("promtool {verb} rules {}: {}", file.display(), String::from_utf8_lossy(&said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_nobody_measures_is_found() {
        let reference = "| `veza_a_total` | counter |  | A. |\n| `veza_b_seconds` | histogram |  | B. |\n";
        let known = known(reference);
        let unknown = |text: &str| {
            named(text).into_iter().filter(|name| !known.contains(name.as_str())).collect::<Vec<_>>()
        };
        assert!(unknown("rate(veza_a_total[5m]) / veza_b_seconds_bucket + up{job=~\"veza-.*\"}").is_empty());
        assert!(unknown("veza:b:ratio > 1").is_empty());
        assert_eq!(unknown("veza_b_seconds"), ["veza_b_seconds"]);
        assert_eq!(unknown("sum(veza_c_total)"), ["veza_c_total"]);
    }
}
