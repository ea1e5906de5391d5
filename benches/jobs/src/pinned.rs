//! Enqueueing and working while another session holds a snapshot open.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::Outcome;
use crate::options::Options;
use crate::side::Side;
use crate::stage::{Stage, VEZA};
use crate::table::{median, number, print};

const WINDOW: u32 = 5;
const NAMES: [&str; 2] = ["free", "pinned"];

/// One run: jobs per second of each window, and what the snapshot came to keep.
struct Run {
    rates: Vec<f64>,
    age: i64,
    dead: i64,
}

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    let windows = (options.pinned / WINDOW).max(1);
    println!("### A snapshot held open for {} s\n", windows * WINDOW);
    println!(
        "Two writers enqueue batches of 200 while no more than 4,000 jobs wait; jobs/s in windows of {WINDOW} s.\n"
    );
    let mut side = Side::start(stage, VEZA)?;
    let mut runs = [Vec::new(), Vec::new()];
    // It may take minutes a round.
    for round in 0..options.rounds.min(3) {
        for turn in 0..2 {
            let held = (round + turn) % 2;
            let run = measure(stage, &mut side, held == 1, windows)?;
            eprintln!("round {}: {} {}", round + 1, NAMES[held], rates(&run.rates));
            runs[held].push(run);
        }
    }
    let [free, pinned] = &runs;
    let row = |name: &str, runs: &[Run]| {
        let at = |window: usize| median(runs.iter().filter_map(|run| run.rates.get(window).copied()));
        let mut row = vec![name.to_owned()];
        row.extend((0..free[0].rates.len()).map(|window| number(at(window))));
        row
    };
    let head: Vec<String> = (1..=windows).map(|window| format!("{} s", window * WINDOW)).collect();
    let head: Vec<&str> = std::iter::once("jobs/s up to").chain(head.iter().map(String::as_str)).collect();
    print(&head, &[row(NAMES[0], free), row(NAMES[1], pinned)]);
    let last = |run: &Run| median(run.rates.iter().rev().take(3).copied());
    let ratios: Vec<f64> = pinned.iter().zip(free).map(|(held, free)| last(held) / last(free)).collect();
    let most = |of: fn(&Run) -> i64| pinned.iter().map(of).max().unwrap_or(0);
    println!(
        "Pinned / free, medians of the last three windows: **{}** (aim 0.9). In the end the snapshot was {} transactions \
         old and kept {} dead rows.\n",
        number(median(ratios)),
        most(|run| run.age),
        most(|run| run.dead),
    );
    Ok(())
}

fn measure(stage: &Stage, side: &mut Side, held: bool, windows: u32) -> Outcome<Run> {
    stage.clear(VEZA)?;
    stage.settle(VEZA)?;
    let mut holder = stage.connect(VEZA)?;
    if held {
        // A snapshot is taken by the first query.
        holder.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM jobs.lanes")?;
    }
    let counts = side.ask(&json!({ "do": "churn", "windows": windows, "seconds": WINDOW }))?;
    let (age, dead) = (stage.oldest_snapshot(VEZA)?, stage.dead_rows()?);
    holder.batch_execute("ROLLBACK")?;
    let counts = counts.as_array().into_iter().flatten().filter_map(Value::as_f64);
    Ok(Run { rates: counts.map(|count| count / f64::from(WINDOW)).collect(), age, dead })
}

fn rates(rates: &[f64]) -> String {
    rates.iter().map(|rate| number(*rate)).collect::<Vec<_>>().join(" ")
}
