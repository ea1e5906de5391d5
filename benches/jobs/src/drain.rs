//! Fetching and acknowledging jobs that do nothing.

use serde_json::json;

use crate::Outcome;
use crate::options::Options;
use crate::rounds::Rounds;
use crate::side::Side;
use crate::stage::{Stage, VEZA};

const ONE: &str = "veza, one tenant";
const MANY: &str = "veza, 1,000 tenants";
const GRAPHILE: &str = "graphile-worker";
const BOSS: &str = "pg-boss";

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    println!("### Fetch and acknowledge\n");
    let mut sides = [VEZA, "graphile", "boss"].map(|database| Side::start(stage, database));
    let rounds = Rounds::run(options.rounds, &[ONE, MANY, GRAPHILE, BOSS], |name| {
        let (index, tenants) = match name {
            ONE => (0, 1),
            MANY => (0, 1_000),
            GRAPHILE => (1, 1),
            _ => (2, 1),
        };
        let side = sides[index].as_mut().map_err(|error| error.to_string())?;
        let jobs = options.jobs;
        stage.clear(side.database)?;
        side.ask(&json!({ "do": "fill", "jobs": jobs, "tenants": tenants }))?;
        stage.settle(side.database)?;
        let seconds = side.ask(&json!({ "do": "drain", "jobs": jobs }))?.as_f64().ok_or("no seconds")?;
        match stage.left(side.database)? {
            0 => Ok(jobs as f64 / seconds),
            left => Err(format!("{name} left {left} jobs").into()),
        }
    })?;
    rounds.print(
        "jobs/s",
        &[(ONE, GRAPHILE, "5"), (ONE, BOSS, "5"), (MANY, GRAPHILE, ""), (MANY, BOSS, ""), (MANY, ONE, "")],
    );
    Ok(())
}
