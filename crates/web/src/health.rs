//! Whether the process lives, is ready, and how it is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpResponse, get};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use utoipa::ToSchema;

use crate::codes::UNAVAILABLE;
use crate::problem::Problem;
use crate::site::Site;

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Gives the metrics in the Prometheus text format.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Something that has to work for the process to be ready: the database, the object store.
pub trait Check: fmt::Debug + Send + Sync + 'static {
    /// One word, shown to everybody: `database`.
    fn name(&self) -> &'static str;
    /// Whether it works. The error goes into the log alone. More than two seconds is a failure.
    fn check(&self) -> BoxFuture<'_, Result<(), Box<dyn std::error::Error + Send + Sync>>>;
}

/// The state of the process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`; anything else comes as a problem.
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Whether the process lives. It looks at nothing else: a restart would not mend a database.
#[utoipa::path(tag = "operations", security(()), responses((status = OK, description = "It lives.", body = Health)))]
#[get("/health")]
#[allow(clippy::unused_async, reason = "a handler")]
pub(crate) async fn health() -> HttpResponse {
    HttpResponse::Ok().json(OK)
}

/// Whether the process can serve: everything it needs works, and it is not about to stop.
#[utoipa::path(tag = "operations", security(()), responses(
    (status = OK, description = "It can serve.", body = Health),
    (status = SERVICE_UNAVAILABLE, description = "It cannot; `detail` names what is missing.")
))]
#[get("/ready")]
pub(crate) async fn ready(site: Site) -> Result<HttpResponse, Problem> {
    if site.state.drain.is_draining() {
        return Err(Problem::new(&UNAVAILABLE, "the process is about to stop"));
    }
    let failing: Vec<&str> =
        join_all(site.state.checks.iter().map(run)).await.into_iter().flatten().collect();
    if failing.is_empty() {
        return Ok(HttpResponse::Ok().json(OK));
    }
    Err(Problem::new(&UNAVAILABLE, format!("not working: {}", failing.join(", "))))
}

/// The name of a check that fails.
async fn run(check: &Arc<dyn Check>) -> Option<&'static str> {
    match tokio::time::timeout(PATIENCE, check.check()).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => tracing::warn!(check = check.name(), %error, "not ready"),
        Err(_late) => tracing::warn!(check = check.name(), "not ready: no answer in two seconds"),
    }
    Some(check.name())
}

/// Measurements for Prometheus.
#[utoipa::path(tag = "operations", security(()), responses(
    (status = OK, description = "In the Prometheus text format.", content_type = "text/plain", body = String)
))]
#[get("/metrics")]
#[allow(clippy::unused_async, reason = "a handler")]
pub(crate) async fn metrics(site: Site) -> HttpResponse {
    let text = site.state.metrics.as_ref().map(|render| render()).unwrap_or_default();
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(text)
}
