//! What must be on the machine, and how it gets there.

use std::fs;
use std::io::{IsTerminal, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::{Outcome, shell};

/// Something that cargo cannot bring.
struct Need {
    what: &'static str,
    /// Its packages in Debian and its kin.
    packages: &'static [&'static str],
    present: fn() -> bool,
}

const RUN: [Need; 4] = [
    Need { what: "a C compiler", packages: &["gcc", "libc6-dev"], present: || shell::on_path("cc") },
    Need { what: "libpq with its headers", packages: &["libpq-dev"], present: libpq },
    Need { what: "the PostgreSQL server", packages: &["postgresql"], present: postgresql },
    Need { what: "setpriv and flock", packages: &["util-linux"], present: util_linux },
];

const TEST: [Need; 8] = [
    Need {
        what: "the Redis server",
        packages: &["redis-server"],
        present: || shell::on_path("redis-server"),
    },
    Need { what: "Python", packages: &["python3"], present: || Path::new("/usr/bin/python3").is_file() },
    Need { what: "a mail server", packages: &["python3-aiosmtpd"], present: aiosmtpd },
    Need {
        what: "a browser and its driver",
        packages: &["chromium", "chromium-driver"],
        present: || shell::on_path("chromium") && shell::on_path("chromedriver"),
    },
    Need {
        what: "ffmpeg",
        packages: &["ffmpeg"],
        present: || shell::on_path("ffmpeg") && shell::on_path("ffprobe"),
    },
    Need { what: "Nix, to read", packages: &["nix-bin"], present: || shell::on_path("nix-instantiate") },
    Need { what: "promtool", packages: &["prometheus"], present: || shell::on_path("promtool") },
    Need { what: "systemd, to ask", packages: &["systemd"], present: || shell::on_path("systemd-analyze") },
];

/// Debian's own Python: another one on the path does not see Debian's packages.
fn aiosmtpd() -> bool {
    Path::new("/usr/lib/python3/dist-packages/aiosmtpd").is_dir()
}

/// For whom the machine is prepared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Run,
    Test,
}

/// Installs what is missing, or prints the commands for it when `dry` or when it cannot.
pub(crate) fn install(purpose: Purpose, dry: bool) -> Outcome {
    let extra = if purpose == Purpose::Test { TEST.as_slice() } else { &[] };
    let missing: Vec<&Need> = RUN.iter().chain(extra).filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = missing.iter().map(|need| need.what).collect::<Vec<_>>().join(", ");
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    println!("missing: {what}");
    if !shell::on_path("apt-get") {
        return Err(advice(&what));
    }
    let elevation = elevation();
    let commands = commands(elevation.unwrap_or(Elevation::Sudo), &packages);
    if dry {
        for command in &commands {
            println!("$ {}", shell::line(command));
        }
        return Ok(());
    }
    if elevation.is_none() {
        let lines: Vec<String> = commands.iter().map(shell::line).collect();
        return Err(format!(
            "installing needs root and sudo wants a terminal; run\n    {}",
            lines.join("\n    ")
        ));
    }
    commands.into_iter().try_for_each(quietly)?;
    verify(&missing)
}

fn verify(needs: &[&Need]) -> Outcome {
    match needs.iter().find(|need| !(need.present)()) {
        Some(need) => {
            Err(format!("{} is still missing after installing {}", need.what, need.packages.join(" ")))
        }
        None => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Elevation {
    Root,
    Sudo,
}

/// How we may install; `None` when sudo is missing or could not ask for a password.
fn elevation() -> Option<Elevation> {
    if is_root() {
        return Some(Elevation::Root);
    }
    let sudo = shell::succeeds("sudo", &["-n", "true"]) || (shell::on_path("sudo") && stdin().is_terminal());
    sudo.then_some(Elevation::Sudo)
}

/// The kernel's word: the fields of `Uid:` are real, effective, saved and file-system user.
fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uid.and_then(|fields| fields.split_whitespace().nth(1)) == Some("0")
}

fn commands(elevation: Elevation, packages: &[&str]) -> [Command; 2] {
    let apt = |arguments: &[&str]| {
        let mut words = match elevation {
            Elevation::Root => vec!["env"],
            Elevation::Sudo => vec!["sudo", "env"],
        };
        words.extend(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
        words.extend(arguments);
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    };
    [apt(&["update"]), apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())]
}

/// Runs a command with one line of progress; its output appears only when it fails.
fn quietly(mut command: Command) -> Outcome {
    let line = shell::line(&command);
    print!("$ {line} … ");
    // Progress that cannot be shown is no reason to stop.
    let _ = stdout().flush();
    let begin = Instant::now();
    let output = command.output().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    println!("{:.1} s", begin.elapsed().as_secs_f32());
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("`{line}` failed ({}):\n{out}{err}", output.status))
}

fn advice(what: &str) -> String {
    if shell::on_path("nix") {
        return format!("{what} can come from Nix: run `nix develop`, and in there the same command again");
    }
    format!("install {what} with this system's package manager, then run the same command again")
}

/// Debian's `postgresql-common` has a `pg_config` too, but without the library to link with.
fn libpq() -> bool {
    pg_config("--libdir")
        .is_some_and(|dir| ["libpq.so", "libpq.dylib", "libpq.a"].iter().any(|name| dir.join(name).is_file()))
}

fn postgresql() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut dirs: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    dirs.extend(pg_config("--bindir"));
    let server = |dir: &Path| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    shell::on_path("postgres") || dirs.iter().any(|dir| server(dir))
}

fn util_linux() -> bool {
    shell::on_path("setpriv") && shell::on_path("flock")
}

fn pg_config(argument: &str) -> Option<PathBuf> {
    let output =
        Command::new("pg_config").arg(argument).output().ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_those_a_person_would_type() {
        let [update, install] = commands(Elevation::Sudo, &["postgresql", "libpq-dev"]);
        assert_eq!(shell::line(&update), "sudo env DEBIAN_FRONTEND=noninteractive apt-get -q update");
        assert_eq!(
            shell::line(&install),
            "sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends postgresql libpq-dev"
        );
        assert!(shell::line(&commands(Elevation::Root, &[])[0]).starts_with("env "));
    }
}
