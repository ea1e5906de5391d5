//! Two tenants: one has a million jobs waiting, the other comes now and then.

use std::time::Duration;

use serde_json::json;

use crate::Outcome;
use crate::latency::{afterwards, milliseconds};
use crate::options::Options;
use crate::rounds::Rounds;
use crate::side::Side;
use crate::stage::{Stage, VEZA};
use crate::table::quantile;
use crate::veza::tenant;

const ALONE: &str = "alone";
const BESIDE: &str = "beside jobs of 20 ms";
/// As many as the machine can do: they take the processor as well as the slots.
const BUSY: &str = "beside jobs of 2 ms";
const NAMES: [&str; 3] = [ALONE, BESIDE, BUSY];
const TITLES: [&str; 5] = [
    "p99 ms, enqueue to start",
    "p50 ms, enqueue to start",
    "p99 ms, its own enqueueing transaction",
    "p50 ms, from the answer to that to the start",
    "p99 ms, from the answer to that to the start",
];
const SECONDS: u32 = 10;

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    println!("### One tenant beside another that has {} jobs waiting\n", options.waiting);
    println!(
        "Concurrency 64; the small tenant enqueues 50 jobs/s for {SECONDS} s. A job sleeps, 20 or 2 ms.\n"
    );
    let mut tables = TITLES.map(|_| NAMES.map(|name| (name, Vec::new())));
    Rounds::run(options.rounds, &NAMES, |name| {
        let index = NAMES.iter().position(|other| *other == name).unwrap_or(0);
        let [waits, took, after] = measure(stage, options.waiting, index)?;
        let values = [
            quantile(&waits, 0.99),
            quantile(&waits, 0.5),
            quantile(&took, 0.99),
            quantile(&after, 0.5),
            quantile(&after, 0.99),
        ];
        for (table, value) in tables.iter_mut().zip(values) {
            table[index].1.push(value);
        }
        Ok(values[0])
    })?;
    for (place, (title, values)) in TITLES.into_iter().zip(tables).enumerate() {
        let aim = if place == 0 { "≤ 1.2" } else { "" };
        Rounds::of(values.into()).print(title, &[(BESIDE, ALONE, aim), (BUSY, ALONE, aim)]);
    }
    Ok(())
}

/// The small tenant's waits, how long its enqueueing took, and how long it waited from then on.
fn measure(stage: &Stage, waiting: usize, index: usize) -> Outcome<[Vec<f64>; 3]> {
    let mut side = Side::start(stage, VEZA)?;
    if index == 0 {
        stage.clear(VEZA)?;
    } else {
        // What the large tenant has left from the last turn is still there.
        let left = usize::try_from(stage.left(VEZA)?)?;
        stage.fill(tenant(1), "timed", "bench.timed", r#"{"t":0}"#, waiting.saturating_sub(left))?;
    }
    stage.settle(VEZA)?;
    let millis = if index == 2 { 2 } else { 20 };
    side.ask(&json!({ "do": "work", "concurrency": 64, "millis": millis }))?;
    std::thread::sleep(Duration::from_secs(2));
    let before = stage.left(VEZA)?;
    let took = side.ask(&json!({ "do": "pace", "rate": 50, "seconds": SECONDS }))?;
    let after = stage.left(VEZA)?;
    std::thread::sleep(Duration::from_secs(1));
    let waits = side.ask(&json!({ "do": "rest" }))?;
    let all = [milliseconds(&waits), milliseconds(&took), afterwards(&waits, &took)];
    if all.iter().any(|values| values.len() < all[1].len()) {
        return Err(format!("{} of {} jobs ran", all[0].len(), all[1].len()).into());
    }
    if index > 0 && after < 1_000 {
        return Err("the large tenant ran out of jobs: give it more by --waiting".into());
    }
    eprintln!("the large tenant: {} jobs/s", (before - after) / i64::from(SECONDS));
    Ok(all)
}
