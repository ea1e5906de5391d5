//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::Outcome;

pub const USAGE: &str = "\
cargo run --release --manifest-path benches/http/Cargo.toml -- [PART] [--NAME VALUE]…

parts
  http        requests to Veza and to Fastify, in turn (the default)
  library     the same queries through `Db` and past it
  startup     start-up and idle memory; --program names a release build of `veza`
  stage       fills the database, prints how to reach it, and waits

options
  --rounds N          rounds [7]
  --seconds N         length of a measurement [5]
  --connections N     keep-alive connections [100]
  --pool N            database connections of each side, in all [8]
  --only A;B          only these sides, by their names
  --large 1           a tenant of 1,000,000 rows beside the 100 of 1,000, and requests to it alone
  --patience SECONDS  how long to wait for a quiet machine before each measurement [20]
  --program FILE      the program `veza`
  --dir DIR           where the database goes [the directory for temporary files]";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Http,
    Library,
    Startup,
    Stage,
    /// Veza with the benchmark's routes: what the others start.
    App,
}

pub struct Options {
    pub part: Part,
    pub rounds: usize,
    pub length: Duration,
    pub connections: u32,
    pub pool: u32,
    pub only: Vec<String>,
    pub large: bool,
    pub patience: Duration,
    pub program: Option<PathBuf>,
    pub dir: PathBuf,
    pub app: AppOptions,
}

/// What the app is started with.
#[derive(Clone, Default)]
pub struct AppOptions {
    pub url: String,
    pub port: u16,
    pub pool: u32,
    /// What is logged, as `telemetry.log` of the program `veza` says it.
    pub log: String,
}

impl Options {
    pub fn read() -> Outcome<Self> {
        let mut words = std::env::args().skip(1).peekable();
        let part = match words.next_if(|word| !word.starts_with("--")).as_deref() {
            None | Some("http") => Part::Http,
            Some("library") => Part::Library,
            Some("startup") => Part::Startup,
            Some("stage") => Part::Stage,
            Some("app") => Part::App,
            Some(_) => return Err(USAGE.into()),
        };
        let mut options = Self {
            part,
            rounds: 7,
            length: Duration::from_secs(5),
            connections: 100,
            pool: 8,
            only: Vec::new(),
            large: false,
            patience: Duration::from_secs(20),
            program: None,
            dir: std::env::temp_dir(),
            app: AppOptions::default(),
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or(USAGE)?;
            match name.as_str() {
                "--rounds" => options.rounds = value.parse()?,
                "--seconds" => options.length = Duration::from_secs(value.parse()?),
                "--connections" => options.connections = value.parse()?,
                "--pool" => options.pool = value.parse()?,
                "--only" => options.only = value.split(';').map(str::to_owned).collect(),
                "--large" => options.large = value == "1",
                "--patience" => options.patience = Duration::from_secs(value.parse()?),
                "--program" => options.program = Some(value.into()),
                "--dir" => options.dir = value.into(),
                "--url" => options.app.url = value,
                "--port" => options.app.port = value.parse()?,
                "--log" => options.app.log = value,
                _ => return Err(USAGE.into()),
            }
        }
        options.app.pool = options.pool;
        Ok(options)
    }
}
