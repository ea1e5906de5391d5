//! The Nix files as texts: syntax, form, habits.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, shell};

/// Every Nix file that is committed or about to be.
fn all() -> Outcome<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.nix"]);
    let files: Vec<PathBuf> =
        shell::read(command)?.lines().map(PathBuf::from).filter(|path| path.is_file()).collect();
    if files.is_empty() { Err("there is no Nix file".to_owned()) } else { Ok(files) }
}

/// The program as it is on the path, or else made by cargo, once.
fn tool(name: &str, package: &str) -> Outcome<PathBuf> {
    if shell::on_path(name) {
        return Ok(PathBuf::from(name));
    }
    let root = env::current_dir().map_err(|error| error.to_string())?.join("target/tools");
    let program = root.join("bin").join(name);
    if !program.is_file() {
        let mut command = shell::cargo_with("install --quiet --locked");
        command.arg("--root").arg(&root).arg(package);
        println!("$ {}", shell::line(&command));
        shell::run(command)?;
    }
    Ok(program)
}

/// Runs a program over all files, and shows what it says only when it fails.
fn over(program: impl AsRef<OsStr>, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(program);
    command.args(arguments).args(all()?);
    quiet(command)
}

fn quiet(mut command: Command) -> Outcome {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{} failed:\n{said}{complained}", command.get_program().display()))
}

pub(crate) fn parse() -> Outcome {
    over("nix-instantiate", &["--parse"])
}

pub(crate) fn format() -> Outcome {
    over(tool("nixfmt", "nixfmt_rs@0.5.3")?, &["--check"])
}

pub(crate) fn lint() -> Outcome {
    over(tool("deadnix", "deadnix@1.3.1")?, &["--fail"])?;
    // There is no package of it to install; whoever has it runs it (`nix develop` brings it).
    if shell::on_path("statix") {
        let mut statix = Command::new("statix");
        statix.args(["check", "--format", "errfmt", "."]);
        return quiet(statix);
    }
    println!("NOT RUN: statix, because it is not on PATH");
    Ok(())
}
