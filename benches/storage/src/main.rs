//! Measures files in Veza beside nginx in the same run. See `docs/benchmarks.md`.

mod app;
mod client;
mod measure;
mod nginx;
#[path = "../../http/src/process.rs"]
#[expect(dead_code, reason = "requests use more of it")]
mod process;
mod stage;

use std::error::Error;
use std::path::PathBuf;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "\
cargo run --release --manifest-path benches/storage/Cargo.toml -- [--NAME VALUE]…

options
  --rounds N   rounds, of which the median counts [5]
  --mib N      bytes of the large object, in MiB [256]
  --huge N     bytes of an encrypted object of which ranges are read as well, in MiB; none when 0 [0]
  --uploads N  uploads at once, whose memory is measured [100]
  --dir DIR    where files go; best a file system in memory [/dev/shm]";

/// What is measured, and how often.
pub struct Options {
    pub rounds: usize,
    pub mib: u64,
    pub huge: u64,
    pub uploads: usize,
    pub dir: PathBuf,
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "app") {
        return app::run(&arguments);
    }
    let options = read(&arguments)?;
    let stage = stage::Stage::build(&options)?;
    measure::run(&options, &stage)
}

fn read(arguments: &[String]) -> Outcome<Options> {
    let mut options = Options { rounds: 5, mib: 256, huge: 0, uploads: 100, dir: "/dev/shm".into() };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or(USAGE)?;
        match name.as_str() {
            "--rounds" => options.rounds = value.parse()?,
            "--mib" => options.mib = value.parse()?,
            "--huge" => options.huge = value.parse()?,
            "--uploads" => options.uploads = value.parse()?,
            "--dir" => options.dir = value.into(),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}
