//! Where and how the data plane listens: `[stream]`, as far as it is its own.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The media port.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlaneConfig {
    /// The port for media, over UDP, and over TCP where UDP is blocked; 0 takes a free one. A firewall lets it through.
    pub port: u16,
    /// Addresses to listen on. All of the machine by default.
    pub listen: Vec<IpAddr>,
    /// Addresses to tell peers. By default those of the machine's own interfaces; behind a 1:1 NAT, the public ones.
    pub announce: Vec<IpAddr>,
    /// Whether media may come over TCP.
    pub tcp: bool,
    /// Threads that forward; 0 takes one per core, up to eight.
    pub threads: usize,
    /// Sessions at once, to one process.
    pub max_sessions: usize,
    /// Viewers at once, to one process. Unset, as many as its threads have time for: while one of them works nine tenths of its
    /// time for three seconds, no more are let in.
    pub max_viewers: Option<usize>,
}

impl Default for PlaneConfig {
    fn default() -> Self {
        Self {
            port: 7_882,
            listen: Vec::new(),
            announce: Vec::new(),
            tcp: true,
            threads: 0,
            max_sessions: 10_000,
            max_viewers: None,
        }
    }
}
