//! The development commands of this repository: `cargo xtask --help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]
#![allow(
    clippy::disallowed_methods,
    reason = "a development tool has no logic that depends on time or configuration"
)]

mod clouds;
mod deny;
mod embedded;
mod generate;
mod graph;
mod install;
mod licences;
mod manual;
mod metadata;
mod nix;
mod observe;
mod options;
mod percentile;
mod shell;
mod sizes;
mod source;
mod spdx;
mod step;
mod test;
mod up;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

/// What a command says when it fails: a sentence for the person at the terminal.
type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match enter_root().and_then(|()| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Every path in this program is relative to the root of the repository.
fn enter_root() -> Outcome {
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    env::set_current_dir(PathBuf::from(here).join(".."))
        .map_err(|error| format!("cannot enter the repository: {error}"))
}

fn run(arguments: &[String]) -> Outcome {
    let Some((command, rest)) = arguments.split_first() else { return manual::print("") };
    // What follows `--` belongs to another program, its `--help` included.
    if rest.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h") {
        return manual::print(command);
    }
    match command.as_str() {
        "up" => up::run(rest),
        "test" => test::run(rest),
        "clouds" => clouds::run(rest),
        "gen" => generate::run(options::check(rest)?),
        "graph" => graph::run(options::check(rest)?),
        "sizes" => options::none(rest).and_then(|()| sizes::run()),
        "nix" => nix::command(rest),
        "licences" => options::none(rest).and_then(|()| licences::run()),
        "help" | "--help" | "-h" => manual::print(rest.first().map_or("", String::as_str)),
        _ => Err(format!("there is no command `{command}`; see `cargo xtask --help`")),
    }
}
