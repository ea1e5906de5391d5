//! What `cargo metadata` says, as far as we need it.

use serde_json::Value;

use crate::{Outcome, shell};

/// One package of this repository.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its normal dependencies.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A normal dependency (neither of tests nor of build scripts).
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) optional: bool,
}

/// The packages of this repository, by name.
pub(crate) fn workspace() -> Outcome<Vec<Package>> {
    let text = shell::read(shell::cargo_with("metadata --no-deps --format-version 1"))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let mut packages: Vec<Package> = list(&value, "packages").filter_map(package).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

fn package(value: &Value) -> Option<Package> {
    Some(Package {
        name: text(value, "name")?,
        dependencies: list(value, "dependencies").filter_map(dependency).collect(),
    })
}

fn dependency(value: &Value) -> Option<Dependency> {
    let normal = text(value, "kind").is_none();
    let optional = value.get("optional").and_then(Value::as_bool).unwrap_or_default();
    normal.then_some(Dependency { name: text(value, "name")?, optional })
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
