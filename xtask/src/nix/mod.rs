//! `cargo xtask nix`: what can be said of the Nix side without building it.

mod eval;
mod files;
mod judge;
mod lock;
mod program;
mod rules;
mod snapshot;
mod unit;

use std::env;
use std::path::PathBuf;

use crate::{Outcome, shell};

/// Where nixpkgs is, for evaluation; disko is, for the nodes that it lays out; and crane, which Nix 2.8
/// cannot evaluate: without it nixpkgs' own builder builds the program.
const NIXPKGS: &str = shell::TREES[0];
const DISKO: &str = shell::TREES[1];
const CRANE: &str = shell::TREES[2];

/// Checks everything, or with `--write` first writes the snapshots and the options' reference anew.
pub(crate) fn command(arguments: &[String]) -> Outcome {
    match arguments {
        [] => run(),
        [one] if one == "--write" => {
            let nixpkgs = tree().ok_or_else(|| format!("`--write` evaluates: set {NIXPKGS}"))?;
            snapshot::write(&eval::Tree::new(nixpkgs))
        }
        _ => Err(format!("only `--write` is known here, not `{}`", arguments.join(" "))),
    }
}

/// What `cargo xtask test` runs too.
pub(crate) fn run() -> Outcome {
    let mut mistakes = Vec::new();
    let mut note = |what: &str, result: Outcome| {
        println!("{what:<60} {}", if result.is_ok() { "ok" } else { "FAILED" });
        mistakes.extend(result.err());
    };
    for (what, check) in ALWAYS {
        note(what, check());
    }
    if let Some(nixpkgs) = tree() {
        let tree = eval::Tree::new(nixpkgs);
        for (what, check) in EVALUATED {
            note(what, check(&tree));
        }
        if !tree.has_disko() {
            println!("NOT RUN: nodes on disks laid out by disko, because {DISKO} is not set");
        }
    } else {
        println!(
            "NOT RUN: evaluation of modules, images, containers and tests, because {NIXPKGS} is not set"
        );
        println!("         to a nixpkgs tree. What they rendered when they last were is checked above.");
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

type Check = fn() -> Outcome;

/// What takes no nixpkgs.
const ALWAYS: [(&str, Check); 8] = [
    ("files parse", files::parse),
    ("files are formatted", files::format),
    ("files hold no dead code and no bad habits", files::lint),
    ("flake.lock is consistent", lock::run),
    ("the program accepts the rendered configurations", program::snapshots),
    ("the roles are those of the program", program::roles),
    ("the rendered units are valid and closed", unit::snapshots),
    ("alerts and dashboards look at what is measured", rules::run),
];

type Evaluated = fn(&eval::Tree) -> Outcome;

/// What takes a nixpkgs tree.
const EVALUATED: [(&str, Evaluated); 8] = [
    ("systems evaluate", |tree| tree.paths("toplevels")),
    ("flake, packages, containers, shell and apps evaluate", |tree| {
        ["flake", "packages", "shell", "apps"].iter().try_for_each(|group| tree.paths(group))
    }),
    ("images evaluate", images),
    ("tests in virtual machines evaluate", |tree| tree.paths("tests")),
    ("wrong configurations are refused", judge::assertions),
    ("the modules' defaults are the program's", program::defaults),
    ("snapshots and options are what is rendered", snapshot::check),
    ("the sandboxes of other daemons are closed", unit::daemons),
];

/// Node by node: all of them at once take more memory than a machine for development may have.
fn images(tree: &eval::Tree) -> Outcome {
    let nodes = tree.value("nodes")?;
    let nodes = nodes.as_array().filter(|nodes| !nodes.is_empty()).ok_or("nix/checks: there are no nodes")?;
    nodes.iter().filter_map(|node| node.as_str()).try_for_each(|node| tree.paths(&format!("images.{node}")))
}

fn tree() -> Option<PathBuf> {
    env::var_os(NIXPKGS).filter(|path| !path.is_empty()).map(PathBuf::from)
}
