//! Servers under test, each a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Outcome;
use crate::stage::Stage;

/// `/proc` counts CPU time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Which server, and what it is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Veza,
    SocketIo,
}

pub struct Contender {
    pub kind: Kind,
    pub port: u16,
    child: Child,
}

impl Contender {
    pub fn start(kind: Kind, stage: &Stage) -> Outcome<Self> {
        let mut command = match kind {
            Kind::Veza => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["serve", &stage.url("veza_app")]);
                command
            }
            Kind::SocketIo => {
                let mut command = Command::new("node");
                command.arg(socket_io()?.join("server.js")).env("NODE_ENV", "production");
                command
            }
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let port = line.trim().parse().map_err(|_none| format!("the server says no port: {line}"))?;
        Ok(Self { kind, port, child })
    }

    /// Processor time of all its threads so far.
    pub fn cpu(&self) -> Outcome<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("no /proc/…/stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Ok(TICK * ticks.sum::<Result<u32, _>>()?)
    }

    /// KiB of memory, each page divided by how many share it.
    pub fn pss(&self) -> Outcome<f64> {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = rollup.lines().find(|line| line.starts_with("Pss:")).ok_or("no Pss")?;
        Ok(line.split_whitespace().nth(1).ok_or("no Pss")?.parse()?)
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The peer's directory, below the target directory; its packages are installed when they are not there.
fn socket_io() -> Outcome<PathBuf> {
    let from = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/socketio"));
    // The program is in target/release.
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).ok_or("no target directory")?;
    let dir = target.join("socketio");
    std::fs::create_dir_all(&dir)?;
    for file in ["package.json", "package-lock.json", "server.js"] {
        std::fs::copy(from.join(file), dir.join(file))?;
    }
    if !dir.join("node_modules/socket.io").exists() {
        let mut install = Command::new("npm");
        install.args(["ci", "--no-audit", "--no-fund"]).current_dir(&dir).stdout(std::io::stderr());
        if !install.status()?.success() {
            return Err("npm ci failed".into());
        }
    }
    Ok(dir)
}
