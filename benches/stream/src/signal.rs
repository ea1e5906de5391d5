//! How peers and servers come to know each other.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::Outcome;
use crate::sdp::{Description, Style};

/// A server under test.
pub trait Signal {
    /// Offers what is published, and gives the answer.
    fn publish(&mut self, own: &Description) -> Outcome<Description>;
    /// Asks for what is published, and gives how the server describes itself.
    fn view(&mut self, own: &Description) -> Outcome<Description>;
    fn pid(&self) -> u32;
}

pub const PUBLISHES: Style = Style { direction: "sendonly", setup: "active", lite: false };
pub const WATCHES: Style = Style { direction: "recvonly", setup: "active", lite: false };

/// This program once more, as a server that is told by lines of JSON.
pub struct App {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl App {
    /// Starts it on the first core.
    pub fn start(kind: &str) -> Outcome<Self> {
        let program = std::env::current_exe()?;
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .args(["app", kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, input, output })
    }

    fn ask(&mut self, what: &str, offer: &str) -> Outcome<Description> {
        let input = self.input.as_mut().ok_or("it was stopped")?;
        writeln!(input, "{}", json!({ "do": what, "sdp": offer }))?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)?;
        Description::read(answer["sdp"].as_str().ok_or_else(|| answer.to_string())?)
    }
}

impl Signal for App {
    fn publish(&mut self, own: &Description) -> Outcome<Description> {
        self.ask("publish", &own.write(PUBLISHES))
    }

    fn view(&mut self, own: &Description) -> Outcome<Description> {
        self.ask("view", &own.write(WATCHES))
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // It ends when nobody can tell it anything any more.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
