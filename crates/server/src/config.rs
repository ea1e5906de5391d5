//! The whole configuration: one section per noun.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use veza_chat::ChatConfig;
use veza_core::config::{ConfigError, Period, load_over};
use veza_core::db::DatabaseConfig;
use veza_jobs::JobsConfig;
use veza_storage::StorageConfig;
use veza_stream::StreamConfig;
use veza_tenant::TenantConfig;
use veza_web::WebConfig;

/// The configuration of the program `veza`.
///
/// Layers, later ones win: these defaults; the file (`--config`, `VEZA_CONFIG`, or `veza.toml` in
/// the current directory, if it is ours or root's and others cannot write to it); variables such as `VEZA_DATABASE__POOL__CONNECTIONS=16`; secrets from the
/// files that `…_file` keys name. Unknown keys are errors.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// The HTTP side.
    pub web: WebConfig,
    /// Organisations, people and access.
    pub tenant: TenantConfig,
    /// Queues and workers.
    pub jobs: JobsConfig,
    /// Rooms and messages.
    pub chat: ChatConfig,
    /// Files of organisations.
    pub storage: StorageConfig,
    /// Live sound and pictures.
    pub stream: StreamConfig,
    /// The process itself.
    pub server: ServerConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

/// How the process starts and stops.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where `/health`, `/ready` and `/metrics` are served, and nothing else. Unset, they are on the public address.
    pub admin_listen: Option<SocketAddr>,
    /// How long requests may take to end when the process stops. Keep it below the supervisor's own
    /// limit (systemd `TimeoutStopSec`).
    pub drain_timeout: Period,
    /// How long answers tell clients to connect anew before connections are closed, so that none is
    /// cut in the middle of a request.
    pub drain_notice: Period,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { admin_listen: None, drain_timeout: Period::from_secs(20), drain_notice: Period::from_secs(1) }
    }
}

/// Logs and traces.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What is logged: `info`, or a list such as `info,veza_tenant=debug`. `RUST_LOG` overrides it.
    pub log: String,
    /// How: `human`, `json`, or `auto`, which is `human` on a terminal and `json` elsewhere.
    pub log_format: LogFormat,
    /// Where traces go over OTLP/gRPC, such as `http://127.0.0.1:4317`. Unset, none are made.
    pub otlp_endpoint: Option<String>,
    /// The share of requests that are traced when the caller did not decide, from 0 to 1.
    pub trace_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            // Whoever sends garbage must not fill the log with errors.
            log: "info,actix_http::h1::dispatcher=off".to_owned(),
            log_format: LogFormat::Auto,
            otlp_endpoint: None,
            trace_ratio: 0.1,
        }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One object per line.
    Json,
}

/// The servers give up the requests under way after this long, whatever the configuration says.
const LONGEST_DRAIN: Period = Period::from_secs(30);

/// Whether a file that nobody named is there and may be believed: in a directory such as `/tmp`
/// anybody can leave one, and it names programs to run.
pub(crate) fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|found| {
        let owner = found.uid();
        let ours = owner == 0 || owner == nix::unistd::geteuid().as_raw();
        ours && found.mode() & 0o022 == 0
    })
}

/// The file that is read when none is named, if it exists.
const DEFAULT_FILE: &str = "veza.toml";

impl Config {
    /// Reads all layers.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read_over(&Self::default(), file)
    }

    /// The same over other defaults.
    pub(crate) fn read_over(defaults: &Self, file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = Self::read_plain(defaults, file)?;
        config.database.read_files()?;
        config.tenant.read_files()?;
        config.jobs.read_files()?;
        config.chat.read_files()?;
        config.storage.read_files()?;
        config.stream.read_files()?;
        Ok(config)
    }

    /// All layers but the secrets in files.
    pub(crate) fn read_plain(defaults: &Self, file: Option<&Path>) -> Result<Self, ConfigError> {
        let default = PathBuf::from(DEFAULT_FILE);
        load_over(defaults, file.or_else(|| is_ours(&default).then_some(default.as_path())))
    }

    /// What cannot work, in sentences; for `veza config check` and before serving.
    pub fn problems(&self, serving: bool) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        let ratio = self.telemetry.trace_ratio;
        check((0.0..=1.0).contains(&ratio), "telemetry.trace_ratio must be from 0 to 1");
        check(
            EnvFilter::try_new(&self.telemetry.log).is_ok(),
            "telemetry.log must be a level or a list such as info,veza_tenant=debug",
        );
        check(
            self.server.drain_timeout <= LONGEST_DRAIN,
            "server.drain_timeout must be at most 30s: no request takes longer",
        );
        self.check_pool(&mut check);
        check(!self.web.listen.is_empty(), "web.listen must name an address");
        check(self.web.workers <= 1_000, "web.workers must be at most 1000: each is a thread");
        check(self.web.max_connections > 0, "web.max_connections must be at least 1");
        check(self.web.request_timeout > Period::from_secs(0), "web.request_timeout must be more than 0s");
        let url = &self.web.public_url;
        let absolute = url.starts_with("http://") || url.starts_with("https://");
        check(
            absolute && !url.ends_with('/'),
            "web.public_url must be http(s)://… without a slash at the end",
        );
        check(self.tenant.requests_per_minute > 0, "tenant.requests_per_minute must be at least 1");
        if serving {
            check(
                self.storage.has_place() || !self.storage.has_root_key(),
                "storage.root_key_file is set, and neither storage.directory nor a bucket: there is nothing to encrypt",
            );
            check(
                self.database.url.is_some(),
                "database.url is not set: `veza serve` needs a PostgreSQL, `veza up` brings its own",
            );
            check(
                self.tenant.root_secret.is_some(),
                "tenant.root_secret or tenant.root_secret_file is not set: make one with `openssl rand -base64 32`",
            );
            for (key, secret) in [
                ("database.url", &self.database.url),
                ("tenant.root_secret", &self.tenant.root_secret),
                ("tenant.mail.smtp_url", &self.tenant.mail.smtp_url),
                ("jobs.listen_url", &self.jobs.listen_url),
                ("jobs.redis_url", &self.jobs.redis_url),
                ("storage.s3.secret_access_key", &self.storage.s3.secret_access_key),
                ("storage.gcs.service_account_key", &self.storage.gcs.service_account_key),
                ("storage.azure.access_key", &self.storage.azure.access_key),
                ("storage.kms.secret_access_key", &self.storage.kms.secret_access_key),
                ("storage.vault.token", &self.storage.vault.token),
                ("stream.turn_password", &self.stream.turn_password),
            ] {
                let shown = secret.as_ref().is_some_and(|secret| secret.expose() == "[secret]");
                let problem = format!("{key} is [secret], which `veza config show` prints in its place");
                check(!shown, &problem);
            }
        }
        problems.extend(self.jobs.problems());
        problems.extend(self.storage.problems());
        problems.extend(self.stream.problems());
        problems
    }

    /// Each connection is a thread of ours and a process of PostgreSQL's.
    fn check_pool(&self, check: &mut impl FnMut(bool, &str)) {
        let pool = &self.database.pool;
        check((1..=1_000).contains(&pool.connections), "database.pool.connections must be from 1 to 1000");
        check(
            (1..=1_000).contains(&pool.system_connections),
            "database.pool.system_connections must be from 1 to 1000",
        );
        check(
            (1..=1_000).contains(&pool.jobs_connections),
            "database.pool.jobs_connections must be from 1 to 1000",
        );
        check(pool.queue > 0 && pool.queue_per_tenant > 0, "database.pool.queue… must be at least 1");
        check(pool.deadline > Period::from_secs(0), "database.pool.deadline must be more than 0s");
    }
}
