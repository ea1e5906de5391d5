//! The command line.

use std::path::PathBuf;

use crate::Outcome;

pub const USAGE: &str = "\
cargo run --release --manifest-path benches/jobs/Cargo.toml -- [PART]… [--NAME VALUE]…

  PART                only these of: drain, engine, enqueue, latency, pinned, tenants, wal
  --rounds N          rounds, in each of which every contender has a turn [3]
  --jobs N            jobs of one drain [60000]
  --seconds N         length of one measurement of enqueueing or of latency [8]
  --pinned N          seconds for which a snapshot is held open [30]
  --waiting N         jobs that the large tenant has waiting [1000000]
  --dir DIR           where the database goes [the directory for temporary files]
  --hold 1            set up, print how to reach it, and wait for a line";

pub struct Options {
    pub only: Vec<String>,
    pub rounds: usize,
    pub jobs: usize,
    pub seconds: u32,
    pub pinned: u32,
    pub waiting: usize,
    pub dir: PathBuf,
    pub hold: bool,
}

impl Options {
    /// Reads the command line; `parts` are the words that may stand alone.
    pub fn read(parts: &[&str]) -> Outcome<Self> {
        let mut words = std::env::args().skip(1);
        let mut options = Self {
            only: Vec::new(),
            rounds: 3,
            jobs: 60_000,
            seconds: 8,
            pinned: 30,
            waiting: 1_000_000,
            dir: std::env::temp_dir(),
            hold: false,
        };
        while let Some(name) = words.next() {
            if parts.contains(&name.as_str()) {
                options.only.push(name);
                continue;
            }
            let value = words.next().ok_or(USAGE)?;
            match name.as_str() {
                "--rounds" => options.rounds = value.parse()?,
                "--jobs" => options.jobs = value.parse()?,
                "--seconds" => options.seconds = value.parse()?,
                "--pinned" => options.pinned = value.parse()?,
                "--waiting" => options.waiting = value.parse()?,
                "--dir" => options.dir = value.into(),
                "--hold" => options.hold = value == "1",
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }

    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }
}
