//! Measures Veza's queues beside others in the same run. See `docs/benchmarks.md`.

mod drain;
mod engine;
mod enqueue;
mod latency;
mod machine;
mod options;
mod pinned;
mod rounds;
mod side;
mod stage;
mod table;
mod tenants;
mod veza;
mod wal;

use std::error::Error;

use options::Options;
use stage::Stage;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

type Part = fn(&Options, &Stage) -> Outcome;
const PARTS: [(&str, Part); 7] = [
    ("drain", drain::run),
    ("engine", engine::run),
    ("enqueue", enqueue::run),
    ("latency", latency::run),
    ("pinned", pinned::run),
    ("tenants", tenants::run),
    ("wal", wal::run),
];

fn main() -> Outcome {
    let mut words = std::env::args().skip(1);
    if let (Some("side"), Some(url)) = (words.next().as_deref(), words.next()) {
        return veza::run(&url, words.next().as_deref() == Some("bell"));
    }
    let options = Options::read(&PARTS.map(|(name, _)| name))?;
    let stage = Stage::build(&options.dir)?;
    if options.hold {
        println!("{}", stage.url(veza_postgres::SUPERUSER, stage::VEZA));
        std::io::stdin().read_line(&mut String::new())?;
        return Ok(());
    }
    for (name, run) in PARTS {
        if options.wants(name) {
            println!("Load before: {}\n", machine::load_average()?);
            run(&options, &stage)?;
        }
    }
    println!("Load after: {}", machine::load_average()?);
    Ok(())
}
