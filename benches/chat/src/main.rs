//! Measures Veza's chat beside others in the same run. See `docs/benchmarks.md`.

mod alone;
mod contender;
mod fanout;
mod listener;
mod options;
#[path = "../../jobs/src/rounds.rs"]
#[expect(dead_code, reason = "the queues use more of it")]
mod rounds;
mod send;
mod serve;
mod stage;
#[path = "../../jobs/src/table.rs"]
mod table;
mod wire;

use std::error::Error;

use options::Options;
use stage::Stage;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

type Part = fn(&Options, &Stage) -> Outcome;
const PARTS: [(&str, Part); 4] =
    [("send", send::run), ("latency", send::latency), ("fanout", fanout::run), ("idle", fanout::idle)];

fn main() -> Outcome {
    // This program is also the server that is measured.
    let mut words = std::env::args().skip(1);
    if let (Some("serve"), Some(url)) = (words.next().as_deref(), words.next()) {
        return serve::run(&url);
    }
    let options = Options::read(&PARTS.map(|(name, _)| name))?;
    let stage = Stage::build(&options.dir)?;
    for (name, run) in PARTS {
        if options.wants(name) {
            println!("Load before: {}\n", load_average()?);
            run(&options, &stage)?;
        }
    }
    println!("Load after: {}", load_average()?);
    Ok(())
}

fn load_average() -> Outcome<String> {
    Ok(std::fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned())
}
