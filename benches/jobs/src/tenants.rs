//! Two tenants: one has a million jobs waiting, the other comes now and then.

use serde_json::json;

use crate::Outcome;
use crate::latency::milliseconds;
use crate::options::Options;
use crate::rounds::Rounds;
use crate::side::Side;
use crate::stage::{Stage, VEZA};
use crate::table::quantile;
use crate::veza::tenant;

const ALONE: &str = "alone";
const BESIDE: &str = "beside the large tenant";

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    println!("### One tenant beside another that has {} jobs waiting\n", options.waiting);
    println!(
        "Concurrency 64, each job takes 2 ms without the processor; the small tenant enqueues 50 jobs/s for 15 s.\n"
    );
    let names = [ALONE, BESIDE];
    let mut tables: Vec<(&str, Vec<(&str, Vec<f64>)>)> =
        ["p99 ms, enqueue to start", "p50 ms, enqueue to start", "p99 ms, its own enqueueing transaction"]
            .map(|title| (title, names.map(|name| (name, Vec::new())).into()))
            .into();
    Rounds::run(options.rounds.min(3), &names, |name| {
        let index = usize::from(name == BESIDE);
        let mut side = Side::start(stage, VEZA)?;
        stage.clear(VEZA)?;
        if index == 1 {
            stage.fill(tenant(1), "timed", "bench.timed", r#"{"t":0}"#, options.waiting)?;
        }
        stage.settle(VEZA)?;
        side.ask(&json!({ "do": "work", "concurrency": 64, "millis": 2 }))?;
        std::thread::sleep(std::time::Duration::from_secs(3));
        let before = stage.left(VEZA)?;
        let took = milliseconds(&side.ask(&json!({ "do": "pace", "rate": 50, "seconds": 15 }))?);
        let after = stage.left(VEZA)?;
        let waits = milliseconds(&side.ask(&json!({ "do": "rest" }))?);
        if waits.len() < took.len() || (index == 1 && after == 0) {
            return Err(format!("{} of {} jobs ran, {after} are left", waits.len(), took.len()).into());
        }
        eprintln!("the large tenant: {} jobs/s", (before - after) / 15);
        for (table, value) in
            tables.iter_mut().zip([quantile(&waits, 0.99), quantile(&waits, 0.5), quantile(&took, 0.99)])
        {
            table.1[index].1.push(value);
        }
        Ok(quantile(&waits, 0.99))
    })?;
    for (title, values) in tables {
        Rounds::of(values)
            .print(title, &[(BESIDE, ALONE, if title.starts_with("p99 ms, enq") { "≤ 1.2" } else { "" })]);
    }
    Ok(())
}
