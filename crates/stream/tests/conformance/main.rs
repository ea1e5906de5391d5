//! What RFC 9725 (WHIP) and draft-ietf-wish-whep (WHEP) demand of a server, asked over HTTP.
//!
//! Without arguments a server of ours is started and asked. `--whip URL --whep URL --token TOKEN` ask another one, where
//! something is live at the WHEP endpoint already; nothing may be live at the WHIP endpoint. `--only WORD` runs the cases
//! whose name has the word.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "a program for the terminal, which may stop at what it did not expect"
)]

mod case;
mod client;
mod ice;
mod methods;
mod offers;
mod own;
mod setup;
mod whep;

use std::process::exit;

use self::case::{Case, Outcome};
use self::client::Target;

/// All cases, in the order of the documents.
fn cases() -> Vec<Case> {
    [setup::CASES, offers::CASES, methods::CASES, ice::CASES, whep::CASES].concat()
}

fn main() {
    let mut target = Target::default();
    let (mut only, mut lists) = (None, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--whip" => target.whip = arguments.next(),
            "--whep" => target.whep = arguments.next(),
            "--token" => target.token = arguments.next(),
            "--only" => only = arguments.next(),
            "--list" => lists = true,
            // What the harness of other tests takes.
            _ => {}
        }
    }
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| only.as_deref().is_none_or(|word| case.name.contains(word)))
        .collect();
    if lists {
        return println!("{} cases", cases.len());
    }
    let failed = if target.whip.is_some() || target.whep.is_some() {
        run(&cases, &target)
    } else {
        own::with_server(|target| run(&cases, target))
    };
    if failed > 0 {
        exit(1);
    }
}

/// Runs them and prints a table; answers how many failed.
fn run(cases: &[Case], target: &Target) -> usize {
    let mut counts = [0_usize; 3];
    println!("     {:<44} demand", "case");
    for case in cases {
        let outcome = case.run(target);
        let (place, word, why) = match &outcome {
            Outcome::Holds => (0, "ok", ""),
            Outcome::Skipped(why) => (1, "skip", *why),
            Outcome::Fails(why) => (2, "FAIL", why.as_str()),
        };
        counts[place] += 1;
        println!("{word:<4} {:<44} {} ({})", case.name, case.demand, case.source);
        if !why.is_empty() {
            println!("     {why}");
        }
    }
    let [held, skipped, failed] = counts;
    println!("\n{held} hold, {skipped} skipped, {failed} fail");
    failed
}
