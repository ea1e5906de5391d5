//! The program itself, as an operator meets it: started, watched, stopped and broken from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a failed step of a test is a failed test, and a test stands outside the program"
)]

mod browser;
mod command_line;
mod doctor;
mod files;
mod gate;
mod handover;
mod http;
mod jobs;
mod logs;
mod metrics;
mod migrate;
mod oddities;
mod outage;
mod person;
mod process;
mod serve;
mod start;
mod stop;
mod storage;
mod tenant;
mod up;
mod walkthrough;
mod worker;
