//! Evaluating `nix/checks`. Nothing is built and nothing is fetched.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{CRANE, DISKO};
use crate::{Outcome, shell};

/// The sources that are evaluated with.
pub(crate) struct Tree {
    nixpkgs: PathBuf,
    others: Vec<(&'static str, PathBuf)>,
}

impl Tree {
    pub(crate) fn new(nixpkgs: PathBuf) -> Self {
        let given = |(argument, variable)| Some((argument, PathBuf::from(env::var_os(variable)?)));
        Self { nixpkgs, others: [("disko", DISKO), ("crane", CRANE)].into_iter().filter_map(given).collect() }
    }

    pub(crate) fn has_disko(&self) -> bool {
        self.others.iter().any(|(name, _)| *name == "disko")
    }

    /// The value of one attribute.
    pub(crate) fn value(&self, attribute: &str) -> Outcome<Value> {
        let mut command = Command::new("nix-instantiate");
        command.args(["--eval", "--strict", "--json", "nix/checks", "-A", attribute]);
        command.args(["--arg", "nixpkgs"]).arg(&self.nixpkgs);
        for (name, path) in &self.others {
            command.args(["--arg", name]).arg(path);
        }
        let line = shell::line(&command);
        command.stdin(Stdio::null());
        let output = command.output().map_err(|error| format!("cannot run `{line}`: {error}"))?;
        if !output.status.success() {
            return Err(format!("`{line}` failed:\n{}", String::from_utf8_lossy(&output.stderr)));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("`{line}` printed no JSON: {error}"))
    }

    /// That every path of a group can be told; a group without any would prove nothing.
    pub(crate) fn paths(&self, group: &str) -> Outcome {
        let value = self.value(group)?;
        let mut count = 0;
        count_paths(&value, &mut count)?;
        if count == 0 { Err(format!("nix/checks: {group} is empty")) } else { Ok(()) }
    }
}

fn count_paths(value: &Value, count: &mut usize) -> Outcome {
    match value {
        Value::String(path) if path.starts_with("/nix/store/") => {
            *count += 1;
            Ok(())
        }
        Value::Object(map) => map.values().try_for_each(|value| count_paths(value, count)),
        other => Err(format!("nix/checks: {other} is no path of the store")),
    }
}
