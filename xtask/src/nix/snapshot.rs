//! What the modules render, committed: units and configurations of each node, and the options' reference.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::eval::Tree;
use crate::Outcome;

const DIRECTORY: &str = "nix/snapshots";
const OPTIONS: &str = "docs/reference/nixos-options.md";

/// Committed files whose name is wanted, in order.
pub(crate) fn files(wanted: impl Fn(&str) -> bool) -> Outcome<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for node in children(Path::new(DIRECTORY))? {
        files.extend(children(&node)?);
    }
    files.retain(|file| file.file_name().is_some_and(|name| wanted(&name.to_string_lossy())));
    files.sort();
    Ok(files)
}

fn children(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = |error| format!("{}: {error}", directory.display());
    fs::read_dir(directory).map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
}

/// All texts as they are rendered now, by their path.
fn rendered(tree: &Tree) -> Outcome<BTreeMap<PathBuf, String>> {
    let mut texts = BTreeMap::new();
    for (node, kinds) in tree.value("rendered")?.as_object().into_iter().flatten() {
        for (name, text) in kinds.get("own").and_then(Value::as_object).into_iter().flatten() {
            let text = text.as_str().ok_or("nix/checks: a rendered file is no text")?;
            texts.insert(Path::new(DIRECTORY).join(node).join(name), text.to_owned());
        }
    }
    let options = tree.value("options")?;
    let options = options.as_str().ok_or("nix/checks: the options are no text")?;
    texts.insert(PathBuf::from(OPTIONS), options.to_owned());
    Ok(texts)
}

pub(crate) fn check(tree: &Tree) -> Outcome {
    let texts = rendered(tree)?;
    let mut mistakes = Vec::new();
    for (path, text) in &texts {
        if fs::read_to_string(path).is_ok_and(|old| old == *text) {
            continue;
        }
        mistakes.push(format!("{} is stale", path.display()));
    }
    let stray = files(|_| true)?.into_iter().filter(|path| !texts.contains_key(path));
    mistakes.extend(stray.map(|path| format!("{} is rendered no more", path.display())));
    if mistakes.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n`cargo xtask nix --write` writes them again", mistakes.join("\n")))
}

pub(crate) fn write(tree: &Tree) -> Outcome {
    let texts = rendered(tree)?;
    for stray in files(|_| true).unwrap_or_default().iter().filter(|path| !texts.contains_key(*path)) {
        fs::remove_file(stray).map_err(|error| format!("{}: {error}", stray.display()))?;
    }
    for (path, text) in texts {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!("wrote {DIRECTORY} and {OPTIONS}");
    Ok(())
}
