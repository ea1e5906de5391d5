//! Random streams of frames, whole and spoiled, mean the same to this parser as to tungstenite's; where they
//! differ, the difference has a name and a reason in `verdict`.
//!
//! `--cases N` reads so many streams, `--seed N` others, and `--case N` the one that a failure named.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop and tell"
)]

mod peer;
mod random;
mod reading;
mod stream;
mod verdict;

use random::Random;
use stream::Stream;
use verdict::Tally;

/// Streams of a run that is part of the suite.
const CASES: u64 = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("frame: test");
        return;
    }
    let number = |name| {
        let place = arguments.iter().position(|argument| argument == name)?;
        Some(arguments.get(place + 1)?.parse::<u64>().unwrap())
    };
    let (seed, mut tally) = (number("--seed").unwrap_or(6455), Tally::default());
    if let Some(case) = number("--case") {
        read(seed, case, &mut tally);
        return;
    }
    let cases = number("--cases").unwrap_or(CASES);
    for case in 0..cases {
        read(seed, case, &mut tally);
    }
    println!("frame: {cases} streams; {tally}");
    if cases >= CASES {
        tally.assert_all_seen();
    }
}

/// One stream, which follows from two numbers alone.
fn read(seed: u64, case: u64, tally: &mut Tally) {
    let mut random = Random::new(seed, case);
    let stream = Stream::generate(&mut random);
    if let Err(difference) = verdict::judge(&stream, &mut random, tally) {
        panic!("--seed {seed} --case {case}: {difference}\n{stream:02x?}");
    }
}
