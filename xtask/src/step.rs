//! The steps of `cargo xtask test`.

use std::fs;
use std::process::Command;

use crate::shell::cargo_with;
use crate::{Outcome, generate, graph, licences, nix, shell, sizes};

/// One step: a name for `--only`, and what it does.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
}

/// What a step does.
pub(crate) enum Work {
    /// Runs programs, which get the filters when they are test programs.
    Commands(fn(&[String]) -> Vec<Command>),
    /// Runs a command of this program, named for the dry run.
    Own(&'static str, fn() -> Outcome),
}

/// In the order of their speed, so that a mistake shows early.
pub(crate) const STEPS: [Step; 13] = [
    Step { name: "fmt", work: Work::Commands(|_| vec![cargo_with("fmt --all --check")]) },
    Step { name: "sizes", work: Work::Own("sizes", sizes::run) },
    Step { name: "graph", work: Work::Own("graph --check", || graph::run(true)) },
    Step { name: "licences", work: Work::Own("licences", licences::run) },
    Step { name: "clippy", work: Work::Commands(|_| vec![clippy()]) },
    Step { name: "features", work: Work::Commands(|_| features()) },
    Step { name: "tests", work: Work::Commands(|filters| vec![tests(filters)]) },
    Step { name: "s3", work: Work::Commands(s3) },
    Step { name: "clouds", work: Work::Commands(clouds) },
    Step { name: "doc", work: Work::Commands(|_| vec![doc()]) },
    Step { name: "gen", work: Work::Own("gen --check", || generate::run(true)) },
    Step { name: "nix", work: Work::Own("nix", nix::run) },
    Step { name: "examples", work: Work::Commands(|_| examples()) },
];

impl Step {
    /// Runs the step, or prints what it would run.
    pub(crate) fn run(&self, filters: &[String], dry: bool) -> Outcome {
        match self.work {
            Work::Own(name, _) if dry => {
                println!("$ cargo xtask {name}");
                Ok(())
            }
            Work::Own(_, work) => work(),
            Work::Commands(commands) => commands(filters).into_iter().try_for_each(|command| {
                println!("$ {}", shell::line(&command));
                if dry { Ok(()) } else { shell::run(command) }
            }),
        }
    }
}

fn clippy() -> Command {
    cargo_with("clippy --workspace --all-targets -- -D warnings")
}

/// Each crate is usable alone, with what an embedder asks for and no more.
fn features() -> Vec<Command> {
    let alone = [
        "veza-chat",
        "veza-core",
        "veza-storage",
        "veza-stream",
        "veza-tenant",
        "veza-testing",
        "veza --no-default-features",
    ];
    alone.into_iter().map(|package| cargo_with(&format!("check --package {package}"))).collect()
}

fn tests(filters: &[String]) -> Command {
    let mut command = cargo_with("test --workspace");
    if !filters.is_empty() {
        command.arg("--").args(filters);
    }
    command
}

/// The S3 client and a server for it: two trees of dependencies that no other step compiles. The scenarios of files run on
/// them once more.
fn s3(filters: &[String]) -> Vec<Command> {
    let files = ["storage".to_owned()];
    let scenarios = if filters.is_empty() { &files } else { filters };
    let mut commands = service("-p veza-testing-s3 --features server", filters);
    commands.extend(service("-p veza-tests --features s3 --test it", scenarios));
    commands
}

/// The same for Google and Azure.
fn clouds(filters: &[String]) -> Vec<Command> {
    service("-p veza-testing-clouds --features server", filters)
}

fn service(with: &str, filters: &[String]) -> Vec<Command> {
    let mut test = cargo_with(&format!("test {with}"));
    test.args((!filters.is_empty()).then_some("--")).args(filters);
    vec![cargo_with(&format!("clippy --all-targets {with} -- -D warnings")), test]
}

fn doc() -> Command {
    let mut command = cargo_with("doc --no-deps --workspace");
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

/// Every example is a workspace of its own, as an embedder's service would be.
fn examples() -> Vec<Command> {
    let Ok(entries) = fs::read_dir("examples") else { return Vec::new() };
    let mut manifests: Vec<_> = entries.flatten().map(|entry| entry.path().join("Cargo.toml")).collect();
    manifests.retain(|manifest| manifest.is_file());
    manifests.sort();
    let command = |manifest| {
        let mut command = cargo_with("test --manifest-path");
        command.arg(manifest).env("CARGO_TARGET_DIR", "target/examples");
        command
    };
    manifests.into_iter().map(command).collect()
}
