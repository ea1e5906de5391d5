//! `[stream]` in the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plane::PlaneConfig;

/// Live sound and pictures.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Where and how media comes and goes.
    pub media: PlaneConfig,
    /// Channels that an organisation may have.
    pub max_channels: u32,
    /// Viewers of an organisation at once, to one process.
    pub max_viewers: u32,
    /// Viewers of a channel at once. A channel may have a smaller limit of its own.
    pub max_viewers_per_channel: u32,
    /// The most that somebody may publish, in kbit/s. A channel may have a smaller limit of its own.
    pub max_kbps: u32,
    /// Minutes that an organisation may publish in a month (UTC), all its channels together. Unset, there is no limit.
    pub publish_minutes_per_month: Option<u32>,
    /// Minutes that all viewers of an organisation may watch in a month (UTC). Unset, there is no limit.
    pub watch_minutes_per_month: Option<u32>,
    /// STUN and TURN servers that clients are told, such as `stun:stun.example.org:3478`. Veza needs none; clients whose
    /// network lets neither UDP nor the media port through need one of TURN.
    pub ice_servers: Vec<IceServer>,
    /// Days for which ended sessions are kept.
    pub keep_sessions_days: u32,
}

/// A STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` and the host (RFC 7064, RFC 7065).
    pub url: String,
    /// The user name, for TURN.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password. Every client is told.
    #[serde(default)]
    pub credential: Option<String>,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            media: PlaneConfig::default(),
            max_channels: 1_000,
            max_viewers: 10_000,
            max_viewers_per_channel: 10_000,
            max_kbps: 20_000,
            publish_minutes_per_month: None,
            watch_minutes_per_month: None,
            ice_servers: Vec::new(),
            keep_sessions_days: 90,
        }
    }
}

impl StreamConfig {
    /// What cannot work, in sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        check(self.max_channels > 0, "stream.max_channels must be at least 1");
        check(self.max_viewers > 0, "stream.max_viewers must be at least 1");
        check(self.max_viewers_per_channel > 0, "stream.max_viewers_per_channel must be at least 1");
        check((16..=1_000_000).contains(&self.max_kbps), "stream.max_kbps must be from 16 to 1000000");
        check(
            (1..=3_650).contains(&self.keep_sessions_days),
            "stream.keep_sessions_days must be from 1 to 3650",
        );
        check(self.media.max_sessions > 0, "stream.media.max_sessions must be at least 1");
        check(
            self.ice_servers.iter().all(IceServer::is_possible),
            "stream.ice_servers must have URLs such as stun:host:3478 and turns:host:5349, and no quotes or spaces",
        );
        problems
    }
}

impl IceServer {
    /// It is written into a header.
    fn is_possible(&self) -> bool {
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\<>,;".contains(&byte));
        let scheme = self.url.split_once(':').map(|(scheme, _)| scheme);
        matches!(scheme, Some("stun" | "stuns" | "turn" | "turns"))
            && [Some(self.url.as_str()), self.username.as_deref(), self.credential.as_deref()]
                .into_iter()
                .flatten()
                .all(plain)
    }
}
