//! `[tenant]` in the configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, Period, Secret, read_secret};

/// Organisations, sign-in and limits.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TenantConfig {
    /// The secret that everything else is derived from: 32 random bytes or more as base64
    /// (`openssl rand -base64 32`). Whoever has it can sign access tokens; losing it signs everybody out
    /// and voids open invitations. `veza up` makes one; `veza serve` refuses to start without.
    pub root_secret: Option<Secret>,
    /// Instead of `root_secret`: a file that holds it.
    pub root_secret_file: Option<PathBuf>,
    /// Whether anybody may create an organisation. Off, it takes the first-run link or `veza tenant create`.
    pub open_signup: bool,
    /// The `iss` of access tokens. Default: `web.public_url`.
    pub issuer: Option<String>,
    /// The `aud` of access tokens.
    pub audience: String,
    /// How long an access token holds.
    pub access_token_lifetime: Period,
    /// How long a session lasts without being used.
    pub session_lifetime: Period,
    /// How long after its first use a refresh token gives the same successor again, for clients that lost the answer.
    pub refresh_grace: Period,
    /// How long an invitation can be accepted.
    pub invitation_lifetime: Period,
    /// How long a key signs access tokens before the next takes over.
    pub signing_key_lifetime: Period,
    /// Requests per minute of an organisation that has no limit of its own.
    pub requests_per_minute: u32,
    /// Members of an organisation that has no limit of its own.
    pub max_members: u32,
    /// Attempts to sign in per minute for one e-mail address, and ten times that for one network address.
    pub sign_in_attempts_per_minute: u32,
    /// Passwords that may be hashed at once; more wait, and after `password_queue` waiting ones new attempts get 503.
    pub password_threads: u32,
    /// Passwords that may wait to be hashed.
    pub password_queue: usize,
    /// Memory for hashing one password, in KiB (argon2id `m`).
    pub password_memory_kib: u32,
    /// Passes over that memory (argon2id `t`).
    pub password_passes: u32,
    /// Where invitation links lead: `{url}#token=…`. Default: `web.public_url` + `/invitation`.
    pub invitation_url: Option<String>,
    /// How e-mail leaves.
    pub mail: MailConfig,
}

impl Default for TenantConfig {
    fn default() -> Self {
        Self {
            root_secret: None,
            root_secret_file: None,
            open_signup: false,
            issuer: None,
            audience: "veza".to_owned(),
            access_token_lifetime: Period::from_secs(5 * 60),
            session_lifetime: Period::from_secs(30 * 86_400),
            refresh_grace: Period::from_secs(10),
            invitation_lifetime: Period::from_secs(7 * 86_400),
            signing_key_lifetime: Period::from_secs(30 * 86_400),
            requests_per_minute: 100,
            max_members: 10_000,
            sign_in_attempts_per_minute: 10,
            password_threads: 2,
            password_queue: 100,
            password_memory_kib: 19 * 1024,
            password_passes: 2,
            invitation_url: None,
            mail: MailConfig::default(),
        }
    }
}

impl TenantConfig {
    /// Reads the secrets that are in files.
    pub fn read_files(&mut self) -> Result<(), ConfigError> {
        read_secret("tenant.root_secret", &mut self.root_secret, self.root_secret_file.as_deref())?;
        let mail = &mut self.mail;
        read_secret("tenant.mail.smtp_url", &mut mail.smtp_url, mail.smtp_url_file.as_deref())
    }
}

/// `[tenant.mail]`: how e-mail leaves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// `smtps://user:password@mail.example:465` or `smtp://mail.example:587?tls=required`. Unset, `veza up`
    /// prints links to its log; `veza serve` keeps e-mails until there is a server to give them to.
    pub smtp_url: Option<Secret>,
    /// Instead of `smtp_url`: a file that holds it.
    pub smtp_url_file: Option<PathBuf>,
    /// The sender.
    pub from: String,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self { smtp_url: None, smtp_url_file: None, from: "Veza <veza@localhost>".to_owned() }
    }
}
