//! Everything that can die dies, again and again, and each job's effect is there exactly once.
//!
//! Orders are written together with a job each. Worker processes turn every job into one row of
//! effects through `complete_in`, while they are killed and frozen, and PostgreSQL is restarted,
//! crashed, and robbed of its connections. In the end every order has exactly one effect, no order that
//! was confirmed is missing, and the engine's counts are right.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a test may stop and tell"
)]

mod monkey;
mod orders;
mod verdict;
mod worker;

use std::time::{Duration, Instant};

use veza_core::db::Migrator;
use veza_postgres::Durability;
use veza_testing::PrivateCluster;

use crate::monkey::Monkey;
use crate::orders::Customers;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("worker") => worker::run(&arguments[1], &arguments[2]),
        Some("--list") => println!("chaos: test"),
        _ => chaos(duration(&arguments)),
    }
}

/// How long to make trouble: `--seconds N` or `--minutes N`, bounded by default.
fn duration(arguments: &[String]) -> Duration {
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1)?.parse::<u64>().ok()
    };
    match (value("--minutes"), value("--seconds")) {
        (Some(minutes), _) => Duration::from_mins(minutes),
        (None, seconds) => Duration::from_secs(seconds.unwrap_or(25)),
    }
}

fn chaos(time: Duration) {
    let migrator = Migrator::veza().with(orders::MIGRATIONS);
    let cluster = PrivateCluster::with_durability(&migrator, Durability::Full);
    let database = cluster.database().clone();
    let customers = Customers::start(&database);
    let mut monkey = Monkey::new(cluster);
    let end = Instant::now() + time;
    while Instant::now() < end {
        monkey.act();
    }
    let confirmed = customers.stop();
    monkey.calm();
    let seen = verdict::wait(&database, Duration::from_secs(90));
    println!("chaos: {monkey}; {} orders were confirmed, {seen}", confirmed.len());
    verdict::judge(&database, &confirmed);
}
