//! `[stream]` in the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, Secret, read_secret};

use crate::plane::PlaneConfig;
use crate::record::RecordConfig;

/// Live sound and pictures.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Where and how media comes and goes.
    pub media: PlaneConfig,
    /// Where recordings are written before they are stored.
    pub record: RecordConfig,
    /// Channels that an organisation may have.
    pub max_channels: u32,
    /// Viewers of an organisation at once, to one process. Where organisations do not trust each other, keep it well below
    /// `media.max_sessions`, which all of them share.
    pub max_viewers: u32,
    /// Viewers of a channel at once. A channel may have a smaller limit of its own.
    pub max_viewers_per_channel: u32,
    /// Sessions of an organisation at once, to one process, that were asked for and whose peers have not come yet.
    pub max_waiting: usize,
    /// The most that somebody may publish, in kbit/s. A channel may have a smaller limit of its own.
    pub max_kbps: u32,
    /// Minutes that an organisation may publish in a month (UTC), all its channels together. Unset, there is no limit.
    pub publish_minutes_per_month: Option<u32>,
    /// Minutes that all viewers of an organisation may watch in a month (UTC). Unset, there is no limit.
    pub watch_minutes_per_month: Option<u32>,
    /// URLs of STUN and TURN servers that clients are told, such as `stun:stun.example.org:3478` (RFC 7064, RFC 7065). Veza
    /// needs none; clients whose network lets neither UDP nor the media port through need one of TURN.
    pub ice_servers: Vec<String>,
    /// The user name at the TURN servers.
    pub turn_username: Option<String>,
    /// The password at the TURN servers. Every client is told.
    pub turn_password: Option<Secret>,
    /// Instead of `turn_password`: a file that holds it.
    pub turn_password_file: Option<std::path::PathBuf>,
    /// Days for which ended sessions are kept.
    pub keep_sessions_days: u32,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            media: PlaneConfig::default(),
            record: RecordConfig::default(),
            max_channels: 1_000,
            max_viewers: 2_500,
            max_viewers_per_channel: 2_500,
            max_waiting: 1_000,
            max_kbps: 20_000,
            publish_minutes_per_month: None,
            watch_minutes_per_month: None,
            ice_servers: Vec::new(),
            turn_username: None,
            turn_password: None,
            turn_password_file: None,
            keep_sessions_days: 90,
        }
    }
}

impl StreamConfig {
    /// Reads the secrets that are in files.
    pub fn read_files(&mut self) -> Result<(), ConfigError> {
        read_secret("stream.turn_password", &mut self.turn_password, self.turn_password_file.as_deref())
    }

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
        check(self.max_waiting > 0, "stream.max_waiting must be at least 1");
        check(
            self.record.max_unstored_bytes > 0 && self.record.max_unstored_bytes_per_organization > 0,
            "stream.record.max_unstored_bytes and stream.record.max_unstored_bytes_per_organization must be at least 1",
        );
        check((16..=1_000_000).contains(&self.max_kbps), "stream.max_kbps must be from 16 to 1000000");
        check(
            (1..=3_650).contains(&self.keep_sessions_days),
            "stream.keep_sessions_days must be from 1 to 3650",
        );
        check(self.media.max_sessions > 0, "stream.media.max_sessions must be at least 1");
        check(self.media.max_viewers != Some(0), "stream.media.max_viewers must be at least 1");
        check(
            self.ice_servers.iter().all(|url| is_possible(url)),
            "stream.ice_servers must be URLs such as stun:host:3478 and turns:host:5349, without quotes and spaces",
        );
        let password = self.turn_password.as_ref().map(Secret::expose);
        check(
            [self.turn_username.as_deref(), password].into_iter().flatten().all(is_plain),
            "stream.turn_username and stream.turn_password must be visible ASCII characters without quotes",
        );
        check(
            self.turn_username.is_some() == password.is_some(),
            "stream.turn_username and stream.turn_password belong together",
        );
        problems
    }
}

/// It is written into a header, in quotes.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\<>,;".contains(&byte))
}

fn is_possible(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    is_plain(url) && matches!(scheme, Some("stun" | "stuns" | "turn" | "turns"))
}
