//! Measures Veza's media plane beside others in the same run. See `docs/benchmarks.md`.

mod app;
mod client;
mod janus;
#[path = "../../jobs/src/machine.rs"]
mod machine;
mod measure;
mod options;
#[path = "../../http/src/process.rs"]
#[expect(dead_code, reason = "the HTTP benchmark uses more of it")]
mod process;
mod record;
#[path = "../../jobs/src/rounds.rs"]
#[expect(dead_code, reason = "the queues use more of it")]
mod rounds;
mod sdp;
mod signal;
mod stage;
#[path = "../../jobs/src/table.rs"]
mod table;

use std::error::Error;

use options::Options;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

type Part = fn(&Options) -> Outcome;
const PARTS: [(&str, Part); 3] =
    [("record", record::run), ("run", measure::run), ("cpu", measure::cpu_per_packet)];

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, app, kind] = arguments.as_slice()
        && app == "app"
    {
        return app::run(kind);
    }
    let options = Options::read(&PARTS.map(|(name, _)| name))?;
    println!("Load before: {}\n", machine::load_average()?);
    for (name, run) in PARTS {
        if options.wants(name) {
            run(&options)?;
        }
    }
    println!("Load after: {}", machine::load_average()?);
    Ok(())
}
