//! Servers are killed, PostgreSQL is restarted, connections are cut in the middle of frames and stall; and what clients
//! saw is compared with what was promised to them and with the log.
//!
//! A schedule is a new set of rooms of two tenants, clients that send and listen there by several processes, and trouble
//! that follows from its seed; in the suite, schedules share it with some others. In the end each acknowledged message is in the log once, with the number that was
//! acknowledged; each listener saw each event once, in order, without gaps, and in the same bytes; and nobody saw
//! anything of another tenant.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a test may stop and tell"
)]

mod dice;
mod follower;
mod history;
mod node;
mod person;
mod proxy;
mod raw;
mod schedule;
mod services;
mod size;
mod steady;
mod verdict;
mod world;

use std::time::Instant;

use crate::services::Services;
use crate::size::Size;
use crate::verdict::Verdict;

/// Schedules of the suite. More are run one after the other, and with more in each.
const SCHEDULES: u64 = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("node") => node::run(&arguments[1], Some(&arguments[2])),
        Some("--list") => println!("checker: test"),
        _ => check(number(&arguments, "--schedules"), number(&arguments, "--seed").unwrap_or(1)),
    }
}

fn number(arguments: &[String], name: &str) -> Option<u64> {
    let place = arguments.iter().position(|argument| argument == name)?;
    arguments.get(place + 1)?.parse().ok()
}

/// `--schedules N` runs so many larger ones, however long that takes.
fn check(schedules: Option<u64>, seed: u64) {
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut services = Services::start();
    let size = if schedules.is_some() { Size::LONG } else { Size::SHORT };
    let end = seed + schedules.unwrap_or(SCHEDULES);
    let (mut total, mut next) = (Verdict::default(), seed);
    while next < end {
        let seeds = next..end.min(next + size.at_once);
        next = seeds.end;
        for (seed, verdict) in schedule::run(&runtime, &mut services, size, seeds) {
            if !verdict.is_good() {
                println!("checker: schedule --schedules 1 --seed {seed}: {verdict}");
            }
            total.add(verdict);
        }
    }
    let (run, took) = (end - seed, begun.elapsed().as_secs());
    println!("checker: {run} schedules from seed {seed} in {took} s, {services}; {total}");
    assert!(total.is_good(), "promises were broken");
    assert!(total.acknowledged > run, "too little happened");
}
