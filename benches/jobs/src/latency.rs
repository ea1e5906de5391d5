//! From before the enqueueing transaction to the start of the handler, at a low rate.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::Outcome;
use crate::options::Options;
use crate::rounds::Rounds;
use crate::side::Side;
use crate::stage::{Stage, VEZA};
use crate::table::quantile;

const RATE: u32 = 100;
const NAMES: [&str; 5] = [
    "veza, one process",
    "veza, worker in another process",
    "veza, the same without a doorbell",
    "graphile-worker",
    "pg-boss (polls each 0.5 s, its shortest)",
];
/// Of the first, what nothing can be faster than.
const COMMIT: &str = "veza, the enqueueing transaction alone";
/// And what comes behind it, job by job.
const AFTER: &str = "veza, from its answer to the start";

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    let seconds = options.seconds;
    println!("### Enqueue to start: {RATE} jobs/s for {seconds} s\n");
    let mut p50: Vec<(&str, Vec<f64>)> = NAMES.map(|name| (name, Vec::new())).into();
    p50.extend([(COMMIT, Vec::new()), (AFTER, Vec::new())]);
    let mut p99 = p50.clone();
    Rounds::run(options.rounds, &NAMES, |name| {
        let index = NAMES.iter().position(|other| *other == name).unwrap_or(0);
        let (waits, commits) = measure(stage, index, seconds)?;
        if index == 0 {
            let parts = [milliseconds(&commits), afterwards(&waits, &commits)];
            for (place, values) in (NAMES.len()..).zip(parts) {
                p50[place].1.push(quantile(&values, 0.5));
                p99[place].1.push(quantile(&values, 0.99));
            }
        }
        let waits = milliseconds(&waits);
        p50[index].1.push(quantile(&waits, 0.5));
        p99[index].1.push(quantile(&waits, 0.99));
        Ok(quantile(&waits, 0.99))
    })?;
    let [one, other, _, graphile, _] = NAMES;
    Rounds::of(p50).print("p50 ms", &[(one, COMMIT, "≤ 1.2"), (one, graphile, ""), (other, graphile, "")]);
    Rounds::of(p99).print("p99 ms", &[(one, graphile, "≤ 0.5"), (other, graphile, "≤ 0.5")]);
    Ok(())
}

/// The waits, and how long enqueueing took.
fn measure(stage: &Stage, index: usize, seconds: u32) -> Outcome<(Value, Value)> {
    let (database, how) = [(VEZA, ""), (VEZA, "bell"), (VEZA, ""), ("graphile", ""), ("boss", "")][index];
    let mut producer = Side::start_as(stage, database, how)?;
    let mut worker = if index == 0 { None } else { Some(Side::start_as(stage, database, how)?) };
    stage.clear(database)?;
    stage.settle(database)?;
    worker.as_mut().unwrap_or(&mut producer).ask(&json!({ "do": "work" }))?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    let commits = producer.ask(&json!({ "do": "pace", "rate": RATE, "seconds": seconds }))?;
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let waits = worker.as_mut().unwrap_or(&mut producer).ask(&json!({ "do": "rest" }))?;
    let (ran, wanted) = (milliseconds(&waits).len(), usize::try_from(RATE * seconds)?);
    if ran < wanted { Err(format!("{ran} of {wanted} jobs ran").into()) } else { Ok((waits, commits)) }
}

/// Nanoseconds in, milliseconds out. Veza says of each job when its enqueueing began, and then how long it took.
pub fn milliseconds(waits: &Value) -> Vec<f64> {
    let took = |wait: &Value| wait.as_f64().or(wait[1].as_f64());
    waits.as_array().into_iter().flatten().filter_map(took).map(|nanos| nanos / 1e6).collect()
}

/// Of each job, how long its start took from when its enqueueing was answered; below zero when it began before.
pub fn afterwards(waits: &Value, commits: &Value) -> Vec<f64> {
    let pairs = |of: &Value| -> HashMap<i64, i64> {
        let pair = |one: &Value| Some((one[0].as_i64()?, one[1].as_i64()?));
        of.as_array().into_iter().flatten().filter_map(pair).collect()
    };
    let commits = pairs(commits);
    let after = |(began, wait)| commits.get(&began).map(|took| (wait - took) as f64 / 1e6);
    pairs(waits).into_iter().filter_map(after).collect()
}
