//! The servers that are this program: a line of JSON in, one out.

mod naive;
mod ours;

use std::io::{BufRead, Write};

use serde_json::{Value, json};

use crate::Outcome;

/// Answers offers.
trait Serves {
    fn publish(&mut self, offer: &str) -> Outcome<String>;
    fn view(&mut self, offer: &str) -> Outcome<String>;
}

pub fn run(kind: &str) -> Outcome {
    match kind {
        "ours" => serve(&mut ours::Ours::start()?),
        "rtc" => serve(&mut naive::Naive::start()?),
        kind => Err(format!("no server called {kind}").into()),
    }
}

fn serve(server: &mut impl Serves) -> Outcome {
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let offer = asked["sdp"].as_str().unwrap_or_default();
        let answer = match asked["do"].as_str() {
            Some("publish") => server.publish(offer),
            _ => server.view(offer),
        };
        let answer =
            answer.map_or_else(|error| json!({ "error": error.to_string() }), |sdp| json!({ "sdp": sdp }));
        let mut output = std::io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
