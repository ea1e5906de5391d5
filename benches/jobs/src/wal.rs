//! Bytes of write-ahead log that a job costs from its enqueueing to its end.

use serde_json::json;

use crate::Outcome;
use crate::options::Options;
use crate::rounds::Rounds;
use crate::side::Side;
use crate::stage::{Stage, VEZA};

const ENQUEUE: &str = "veza, enqueued 1,000 at once";
const WORK: &str = "veza, claimed and acknowledged";

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    println!("### Write-ahead log\n");
    let sides = [
        (VEZA, ENQUEUE, WORK),
        ("graphile", "graphile-worker, added 1,000 at once", "graphile-worker, worked"),
        ("boss", "pg-boss, inserted 1,000 at once", "pg-boss, fetched and completed"),
    ];
    let mut rows = Vec::new();
    for (database, enqueue, work) in sides {
        let mut side = Side::start(stage, database)?;
        let (mut enqueued, mut worked) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds.min(3) {
            stage.clear(database)?;
            stage.settle(database)?;
            let jobs = options.jobs;
            let before = stage.wal()?;
            side.ask(&json!({ "do": "fill", "jobs": jobs }))?;
            let between = stage.wal()?;
            side.ask(&json!({ "do": "drain", "jobs": jobs }))?;
            let after = stage.wal()?;
            enqueued.push((between - before) / jobs as f64);
            worked.push((after - between) / jobs as f64);
        }
        rows.push((enqueue, enqueued));
        rows.push((work, worked));
    }
    Rounds::of(rows).print("bytes a job", &[]);
    Ok(())
}
