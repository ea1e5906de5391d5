//! The contenders: a process each, asked by lines of JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::Outcome;
use crate::stage::{Stage, VEZA};

const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// A process that is measured. Dropping it ends it.
pub struct Side {
    pub database: &'static str,
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    log: std::path::PathBuf,
}

impl Side {
    /// Starts one for `database`.
    pub fn start(stage: &Stage, database: &'static str) -> Outcome<Self> {
        Self::start_as(stage, database, "")
    }

    /// Veza as a program that has `bell`, other processes to tell and to hear of.
    pub fn start_as(stage: &Stage, database: &'static str, how: &str) -> Outcome<Self> {
        let mut command = if database == VEZA {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["side", &stage.url("veza_app", VEZA), how]);
            command
        } else {
            install()?;
            let mut command = Command::new("node");
            command
                .arg(format!("{PEERS}/{database}.js"))
                .env("NODE_ENV", "production")
                .env("URL", stage.url(veza_postgres::SUPERUSER, database));
            command
        };
        let log = (0..)
            .map(|n| stage.dir.join(&format!("{database}-{n}.log")))
            .find(|path| !path.exists())
            .ok_or("no name for a log")?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log)?).spawn()?;
        let asks = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let mut side = Self { database, child, asks, answers, log };
        side.ask(&json!({ "do": "prepare" }))?;
        Ok(side)
    }

    /// Says what to do and waits until it is done.
    pub fn ask(&mut self, what: &Value) -> Outcome<Value> {
        self.tell(what)?;
        self.answer()
    }

    /// Says what to do.
    pub fn tell(&mut self, what: &Value) -> Outcome {
        let asks = self.asks.as_mut().ok_or("no pipe")?;
        writeln!(asks, "{what}")?;
        Ok(asks.flush()?)
    }

    /// Waits for the answer to [`Side::tell`].
    pub fn answer(&mut self) -> Outcome<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        match answer.get("ok") {
            Some(value) => Ok(value.clone()),
            None => {
                let log = std::fs::read_to_string(&self.log)?;
                let from = log.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at);
                Err(format!("{}: {line}\n{}", self.database, &log[from..]).into())
            }
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // It ends with its input; what does not is made to.
        drop(self.asks.take());
        for _ in 0..200 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Installs the peers' packages when they are not there.
fn install() -> Outcome {
    if Path::new(PEERS).join("node_modules/pg-boss").exists() {
        return Ok(());
    }
    let status = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(PEERS)
        .stdout(std::io::stderr())
        .status()?;
    if status.success() { Ok(()) } else { Err("npm ci failed".into()) }
}
