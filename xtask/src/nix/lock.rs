//! `flake.lock`, which may be written by hand: whether it can be what `nix flake lock` would leave alone.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value};

use crate::Outcome;

pub(crate) fn run() -> Outcome {
    let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let lock: Value =
        serde_json::from_str(&read("flake.lock")?).map_err(|error| format!("flake.lock: {error}"))?;
    let mistakes = mistakes(&lock, &read("flake.nix")?);
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

fn mistakes(lock: &Value, flake: &str) -> Vec<String> {
    let empty = Map::new();
    let nodes = lock.get("nodes").and_then(Value::as_object).unwrap_or(&empty);
    let root = lock.get("root").and_then(Value::as_str).unwrap_or_default();
    let mut mistakes = Vec::new();
    if lock.get("version") != Some(&Value::from(7)) {
        mistakes.push("flake.lock: the version is not 7".to_owned());
    }
    let mut reached = BTreeSet::new();
    reach(nodes, root, &mut reached, &mut mistakes);
    for (name, node) in nodes {
        if !reached.contains(name) {
            mistakes.push(format!("flake.lock: nothing leads to {name}"));
        }
        if name != root {
            mistakes
                .extend(locked(node, flake).into_iter().map(|what| format!("flake.lock: {name}: {what}")));
        }
    }
    mistakes
}

/// Follows inputs from one node. An input is the name of a node, or a path of inputs from the root.
fn reach(nodes: &Map<String, Value>, name: &str, reached: &mut BTreeSet<String>, mistakes: &mut Vec<String>) {
    let Some(node) = nodes.get(name) else {
        mistakes.push(format!("flake.lock: there is no node {name}"));
        return;
    };
    if !reached.insert(name.to_owned()) {
        return;
    }
    for (input, target) in node.get("inputs").and_then(Value::as_object).into_iter().flatten() {
        match target {
            Value::String(target) => reach(nodes, target, reached, mistakes),
            // The node that a path ends at is reached on its own; the path must start at an input of the root.
            Value::Array(path)
                if path.first().and_then(Value::as_str).is_some_and(|first| nodes.contains_key(first)) => {}
            other => mistakes.push(format!("flake.lock: {name}: the input {input} leads nowhere: {other}")),
        }
    }
}

/// What is wrong with one node.
fn locked(node: &Value, flake: &str) -> Vec<String> {
    let at =
        |section: &str, key: &str| node.get(section).and_then(|it| it.get(key)).cloned().unwrap_or_default();
    let text = |section: &str, key: &str| at(section, key).as_str().unwrap_or_default().to_owned();
    let mut mistakes = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            mistakes.push(what.to_owned());
        }
    };
    let hash = text("locked", "narHash");
    let digest = hash.strip_prefix("sha256-").unwrap_or_default();
    check(digest.len() == 44 && digest.ends_with('='), "narHash is no SHA-256 in base64");
    let revision = text("locked", "rev");
    check(revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit()), "rev is no commit");
    check(at("locked", "lastModified").is_u64(), "lastModified is no time");
    for key in ["owner", "repo", "type"] {
        check(text("locked", key) == text("original", key), &format!("{key} is not the one asked for"));
    }
    let mut url =
        format!("{}:{}/{}", text("original", "type"), text("original", "owner"), text("original", "repo"));
    if let Some(branch) = at("original", "ref").as_str() {
        url = format!("{url}/{branch}");
    }
    check(flake.contains(&format!("\"{url}\"")), &format!("flake.nix has no input {url}"));
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Value {
        serde_json::from_str(include_str!("../../../flake.lock")).unwrap()
    }

    const FLAKE: &str = include_str!("../../../flake.nix");

    #[test]
    fn ours_is_consistent() {
        assert_eq!(mistakes(&lock(), FLAKE), Vec::<String>::new());
    }

    #[test]
    fn each_mistake_is_named() {
        let said = |change: fn(&mut Value)| {
            let mut lock = lock();
            change(&mut lock);
            mistakes(&lock, FLAKE).join("\n")
        };
        assert!(said(|lock| lock["version"] = 6.into()).contains("version"));
        assert!(
            said(|lock| lock["nodes"]["lost"] = lock["nodes"]["crane"].clone())
                .contains("nothing leads to lost")
        );
        assert!(
            said(|lock| lock["nodes"]["crane"]["locked"]["narHash"] = "sha256-x".into()).contains("narHash")
        );
        assert!(said(|lock| lock["nodes"]["crane"]["locked"]["rev"] = "main".into()).contains("rev"));
        assert!(
            said(|lock| lock["nodes"]["crane"]["original"]["repo"] = "naersk".into()).contains("no input")
        );
        assert!(
            said(|lock| lock["nodes"]["disko"]["inputs"]["nixpkgs"] = serde_json::json!([]))
                .contains("leads nowhere")
        );
        assert!(
            said(|lock| lock["nodes"]["root"]["inputs"]["crane"] = "gone".into()).contains("no node gone")
        );
    }
}
