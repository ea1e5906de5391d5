//! The load, made by wrk.

use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::options::Options;

/// What wrk saw.
#[derive(Clone, Copy)]
pub struct Seen {
    pub requests: f64,
    pub seconds: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub errors: f64,
}

/// What is asked for.
pub struct Load<'a> {
    pub requests: &'a Path,
    pub route: &'a str,
    /// `token` or `header`.
    pub credentials: &'a str,
    pub port: u16,
    pub seconds: u64,
}

pub fn run(options: &Options, load: &Load<'_>) -> Outcome<Seen> {
    let output = Command::new("wrk")
        .args(["-t1", "--timeout", "10s"])
        .arg(format!("-c{}", options.connections))
        .arg(format!("-d{}s", load.seconds))
        .args(["-s", concat!(env!("CARGO_MANIFEST_DIR"), "/load.lua")])
        .arg(format!("http://127.0.0.1:{}", load.port))
        .arg("--")
        .arg(load.requests)
        .args([load.route, load.credentials])
        .output()
        .map_err(|error| format!("wrk: {error}"))?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let fields: Vec<f64> = line
        .ok_or_else(|| format!("wrk said {text}{}", String::from_utf8_lossy(&output.stderr)))?
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, microseconds, p50, p95, p99, errors] = fields[..] else {
        return Err("six numbers".into());
    };
    let seen = Seen {
        requests,
        seconds: microseconds / 1e6,
        p50: p50 / 1e3,
        p95: p95 / 1e3,
        p99: p99 / 1e3,
        errors,
    };
    Ok(seen)
}
