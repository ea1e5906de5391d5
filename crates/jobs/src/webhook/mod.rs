//! Webhooks: events sent to addresses that tenants choose, signed as Standard Webhooks says
//! (<https://www.standardwebhooks.com>), retried, and dead letters in the end.

mod guard;
mod signature;

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, Response, StatusCode, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veza_core::config::{Period, Secret};
use veza_core::{TenantId, Timestamp};

use crate::context::Context;
use crate::error::Error;
use crate::handler::{Handler, JobError, Outcome};
use crate::job::{Job, Options, Retry};

use self::guard::Guard;
use self::signature::Key;

/// An event on its way to an address. Enqueue it like any job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    url: String,
    endpoint: String,
    #[serde(rename = "type")]
    event: String,
    occurred_at: Option<Timestamp>,
    data: serde_json::Value,
}

impl Webhook {
    /// An event of the type `event` (`invoice.paid`) for `url`. `endpoint` names what the tenant configured
    /// and picks the secret that signs: one name, one secret.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the URL is not `https://…` (or `http://…`, which a deployment must allow),
    /// or holds a user or password.
    pub fn new(
        url: &str,
        endpoint: impl Into<String>,
        event: impl Into<String>,
        data: &impl Serialize,
    ) -> Result<Self, Error> {
        let rule = "an absolute https URL without user and password, of 2,000 characters at most";
        let parsed = Url::parse(url).ok().filter(|_| url.len() <= 2_000).filter(|url| {
            matches!(url.scheme(), "https" | "http") && url.username().is_empty() && url.password().is_none()
        });
        let Some(parsed) = parsed else { return Err(Error::field("/url", "malformed", rule)) };
        let data = serde_json::to_value(data)
            .map_err(|error| Error::Unserializable { kind: Self::KIND, error: error.to_string() })?;
        let (endpoint, event) = (endpoint.into(), event.into());
        Ok(Self { url: parsed.into(), endpoint, event, occurred_at: None, data })
    }

    /// When it happened, where that is another time than that of enqueueing.
    #[must_use]
    pub fn occurred_at(mut self, moment: Timestamp) -> Self {
        self.occurred_at = Some(moment);
        self
    }
}

impl Job for Webhook {
    const KIND: &'static str = "jobs.webhook";
    const QUEUE: &'static str = "webhooks";
    /// About a day: 10 s, 20 s … 4 h.
    const RETRY: Retry =
        Retry { attempts: 16, first: Duration::from_secs(10), longest: Duration::from_hours(4) };

    fn options(&self) -> Options {
        Options::default().timeout(Duration::from_mins(1))
    }
}

/// How webhooks leave.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Whether they may go to private and loopback addresses and over plain http: for development, or where
    /// tenants are trusted. Otherwise a tenant could have the server call what only the server can reach.
    pub allow_private: bool,
    /// How long a receiver may take to answer.
    pub timeout: Period,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { allow_private: false, timeout: Period::from_secs(15) }
    }
}

/// Sends webhooks: the [`Handler`] of [`Webhook`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks {
    client: Client,
    guard: Guard,
    key: Key,
}

impl Webhooks {
    /// Prepares sending. Every tenant's secrets are derived from `root`, so none is stored; whoever changes
    /// `root` changes them all.
    ///
    /// # Errors
    /// [`Error::Setup`] when no HTTP client can be made.
    pub fn new(config: &WebhookConfig, root: &Secret) -> Result<Self, Error> {
        let guard = Guard { allow_private: config.allow_private };
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(guard)
            .timeout(config.timeout.as_duration())
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| Error::Setup(format!("webhooks cannot be sent: {error}")))?;
        Ok(Self { client, guard, key: Key::new(root.expose().as_bytes()) })
    }

    /// The secret that signs what goes to a tenant's endpoint, in the form that libraries for Standard
    /// Webhooks take: `whsec_…`. Show it to the tenant.
    pub fn secret(&self, tenant: TenantId, endpoint: &str) -> String {
        self.key.secret(tenant, endpoint).shown()
    }
}

/// What a receiver gets.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    event: &'a str,
    timestamp: Timestamp,
    data: &'a serde_json::Value,
}

impl Handler<Webhook> for Webhooks {
    async fn run(&self, job: Webhook, cx: Context) -> Result<Outcome, JobError> {
        let url = Url::parse(&job.url).map_err(JobError::fatal)?;
        self.guard.check(&url).map_err(JobError::fatal)?;
        let timestamp = job.occurred_at.unwrap_or(cx.enqueued_at());
        let body = serde_json::to_string(&Body { event: &job.event, timestamp, data: &job.data })?;
        // The same over all attempts, so that a receiver can tell a repetition.
        let id = format!("msg_{}", cx.job().as_uuid().simple());
        let sent_at = cx.db().clock().now().timestamp().to_string();
        let signature = self.key.secret(cx.tenant(), &job.endpoint).sign(&id, &sent_at, &body);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("veza/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", sent_at)
            .header("webhook-signature", signature)
            .body(body);
        tokio::select! {
            // The URL may hold a secret of the tenant's.
            answer = request.send() => judge(answer.map_err(reqwest::Error::without_url)?).await,
            () = cx.cancelled() => Err(JobError::retry("interrupted")),
        }
    }
}

async fn judge(answer: Response) -> Result<Outcome, JobError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(Outcome::Done);
    }
    let wait = retry_after(answer.headers());
    let said = beginning(answer).await;
    let error = format!("the receiver answered {status}: {said}");
    match (status, wait) {
        // By Standard Webhooks: it does not want any more.
        (StatusCode::GONE, _) => Err(JobError::Fatal(error)),
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(wait)) => {
            Err(JobError::RetryAfter(wait, error))
        }
        _ => Err(JobError::Retry(error)),
    }
}

/// How long to wait, when that is said in seconds; a day at most.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.clamp(1, 86_400)))
}

/// The first of what a receiver said, for whoever looks into the dead letter.
async fn beginning(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < 300 {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes.extend(chunk.iter().take(300)),
            _ => break,
        }
    }
    bytes.truncate(300);
    String::from_utf8_lossy(&bytes).into_owned()
}
