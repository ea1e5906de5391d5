//! Enqueueing and working while another session holds a snapshot open.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::Outcome;
use crate::options::Options;
use crate::side::Side;
use crate::stage::{Stage, VEZA};
use crate::table::{median, number, print};

const WINDOW: u32 = 5;

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    let windows = (options.pinned / WINDOW).max(1);
    println!("### A snapshot held open for {} s\n", windows * WINDOW);
    println!(
        "Two writers enqueue batches of 200 while no more than 4,000 jobs wait; jobs/s in windows of {WINDOW} s.\n"
    );
    let mut side = Side::start(stage, VEZA)?;
    let mut measure = |pinned: bool| -> Outcome<Vec<f64>> {
        stage.clear(VEZA)?;
        stage.settle(VEZA)?;
        let mut holder = stage.connect(VEZA)?;
        if pinned {
            holder.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")?;
        }
        let counts = side.ask(&json!({ "do": "churn", "windows": windows, "seconds": WINDOW }))?;
        holder.batch_execute("ROLLBACK")?;
        let counts = counts.as_array().into_iter().flatten().filter_map(Value::as_f64);
        Ok(counts.map(|count| count / f64::from(WINDOW)).collect())
    };
    let (mut free, mut pinned) = (Vec::new(), Vec::new());
    // It takes minutes a round.
    for round in 0..options.rounds.min(3) {
        for turn in 0..2 {
            let held = (round + turn) % 2 == 1;
            let into = if held { &mut pinned } else { &mut free };
            into.push(measure(held)?);
        }
    }
    let row = |name: &str, runs: &[Vec<f64>]| {
        let at = |window: usize| median(runs.iter().filter_map(|run| run.get(window).copied()));
        let mut row = vec![name.to_owned()];
        row.extend((0..runs[0].len()).map(|window| number(at(window))));
        row
    };
    let head: Vec<String> = (1..=windows).map(|window| format!("{} s", window * WINDOW)).collect();
    let head: Vec<&str> = std::iter::once("jobs/s up to").chain(head.iter().map(String::as_str)).collect();
    print(&head, &[row("free", &free), row("pinned", &pinned)]);
    let last = |run: &Vec<f64>| median(run.iter().rev().take(3).copied());
    let ratios: Vec<f64> = pinned.iter().zip(&free).map(|(held, free)| last(held) / last(free)).collect();
    println!("Pinned / free, medians of the last three windows: **{}**\n", number(median(ratios)));
    Ok(())
}
