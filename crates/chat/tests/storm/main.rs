//! What is too much for a server, and what is none of the protocol, over real sockets: thousands of connections are cut
//! and come back at once, one asks for more subscriptions than it may have, requests are odd ones, and frames are broken.
//!
//! The server is a process of its own, so that what it needs can be measured: its memory by the kernel, and what it asks
//! PostgreSQL by PostgreSQL.
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

mod broken;
mod crowd;
#[path = "../checker/dice.rs"]
mod dice;
mod greedy;
mod mangled;
#[path = "../checker/node.rs"]
mod node;
#[path = "../checker/person.rs"]
mod person;
#[cfg(feature = "tls")]
mod secure;
mod server;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("node") => node::run(&arguments[1], None),
        Some("--list") => println!("storm: test"),
        _ => {
            let number = |name: &str| {
                let place = arguments.iter().position(|argument| argument == name)?;
                Some(arguments[place + 1].parse::<u64>().expect("a number"))
            };
            let (cases, seed) = (number("--cases"), number("--seed").unwrap_or(1));
            #[cfg(feature = "tls")]
            secure::run();
            mangled::run(cases.unwrap_or(mangled::CASES), seed);
            broken::run(cases.unwrap_or(broken::CASES), seed);
            greedy::run();
            crowd::run(number("--clients").unwrap_or(crowd::CLIENTS));
        }
    }
}
