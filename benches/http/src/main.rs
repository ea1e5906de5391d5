//! Measures Veza beside a peer in the same run. See `docs/benchmarks.md`.

mod app;
mod http;
mod library;
mod machine;
mod options;
mod peer;
mod process;
mod stage;
mod startup;
mod table;
mod wrk;

use std::error::Error;

use options::{Options, Part};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let options = Options::read()?;
    match options.part {
        Part::App => return app::run(&options.app),
        Part::Startup => return startup::run(&options),
        Part::Http | Part::Library | Part::Stage => {}
    }
    let stage = stage::Stage::build(&options)?;
    println!("Load before: {}\n", machine::load_average()?);
    match options.part {
        Part::Http => http::run(&options, &stage)?,
        Part::Library => library::run(&options, &stage)?,
        _ => stage.hold()?,
    }
    println!("Load after: {}", machine::load_average()?);
    Ok(())
}
