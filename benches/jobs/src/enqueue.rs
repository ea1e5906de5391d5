//! Enqueueing with eight writers, one job per transaction.

use serde_json::json;

use crate::Outcome;
use crate::options::Options;
use crate::rounds::Rounds;
use crate::side::Side;
use crate::stage::{Stage, VEZA};

const HEARD: &str = "veza, another process listens";
const ALONE: &str = "veza, nobody listens";
const GRAPHILE: &str = "graphile-worker add_job";
const BOSS: &str = "pg-boss send";

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    println!("### Enqueue: 8 writers, one job per transaction\n");
    let mut sides = [
        Side::start_as(stage, VEZA, "bell")?,
        Side::start(stage, VEZA)?,
        Side::start(stage, "graphile")?,
        Side::start(stage, "boss")?,
    ];
    let rounds = Rounds::run(options.rounds, &[HEARD, ALONE, GRAPHILE, BOSS], |name| {
        let index = [HEARD, ALONE, GRAPHILE, BOSS].iter().position(|other| *other == name).unwrap_or(0);
        let side = &mut sides[index];
        stage.clear(side.database)?;
        stage.settle(side.database)?;
        // It hears of everything and works on another queue: what is measured is the telling.
        let mut listener = (name == HEARD).then(|| Side::start_as(stage, VEZA, "bell")).transpose()?;
        if let Some(listener) = &mut listener {
            listener.ask(&json!({ "do": "work" }))?;
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        let sent = side.ask(&json!({ "do": "send", "writers": 8, "seconds": options.seconds }))?;
        if let Some(listener) = &mut listener {
            listener.ask(&json!({ "do": "rest" }))?;
        }
        Ok(sent.as_f64().ok_or("no number")? / f64::from(options.seconds))
    })?;
    rounds.print("jobs/s", &[(HEARD, ALONE, "≥ 0.9"), (HEARD, GRAPHILE, ""), (HEARD, BOSS, "")]);
    Ok(())
}
