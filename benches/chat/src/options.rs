//! The command line.

use std::path::PathBuf;

use crate::Outcome;

pub const USAGE: &str = "\
cargo run --release --manifest-path benches/chat/Cargo.toml -- [PART]… [--NAME VALUE]…

  PART                only these of: send, latency, fanout, idle
  --rounds N          rounds, in each of which every contender has a turn [3]
  --seconds N         length of one measurement [6]
  --senders N         who send at once, each waiting for its answer [2000]
  --clients N         clients of the room that everybody hears [1000]
  --idle N            connections that hear nothing [8000]
  --dir DIR           where the database goes [the directory for temporary files]";

pub struct Options {
    pub only: Vec<String>,
    pub rounds: usize,
    pub seconds: u32,
    pub senders: usize,
    pub clients: u64,
    pub idle: u64,
    pub dir: PathBuf,
}

impl Options {
    /// Reads the command line; `parts` are the words that may stand alone.
    pub fn read(parts: &[&str]) -> Outcome<Self> {
        let mut words = std::env::args().skip(1);
        let mut options = Self {
            only: Vec::new(),
            rounds: 3,
            seconds: 6,
            senders: 2_000,
            clients: 1_000,
            idle: 8_000,
            dir: std::env::temp_dir(),
        };
        while let Some(name) = words.next() {
            if parts.contains(&name.as_str()) {
                options.only.push(name);
                continue;
            }
            let value = words.next().ok_or(USAGE)?;
            match name.as_str() {
                "--rounds" => options.rounds = value.parse()?,
                "--seconds" => options.seconds = value.parse()?,
                "--senders" => options.senders = value.parse()?,
                "--clients" => options.clients = value.parse()?,
                "--idle" => options.idle = value.parse()?,
                "--dir" => options.dir = value.into(),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }

    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }
}
