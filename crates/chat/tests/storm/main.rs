//! Thousands of connections to one server, over real sockets: all are cut and come back at once; and one of them asks for
//! more subscriptions than it may have.
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

mod crowd;
mod greedy;
#[path = "../checker/node.rs"]
mod node;
#[path = "../checker/person.rs"]
mod person;
mod server;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("node") => node::run(&arguments[1], None),
        Some("--list") => println!("storm: test"),
        _ => {
            let clients = arguments.iter().position(|argument| argument == "--clients");
            let clients = clients.map(|place| arguments[place + 1].parse().expect("a number of clients"));
            greedy::run();
            crowd::run(clients.unwrap_or(crowd::CLIENTS));
        }
    }
}
