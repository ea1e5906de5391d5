//! One request and its answer, as telemetry sees them.

use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, StatusCode};
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use crate::request_id::RequestId;

/// The label of what matched no route.
pub(crate) const UNMATCHED: &str = "unmatched";

/// A request under way. Dropped without [`Exchange::end`], the client went away before the answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) span: Span,
    method: &'static str,
    started: Instant,
    ended: bool,
}

impl Exchange {
    /// Opens the span. No path stands in it, and no query: both can hold secrets.
    pub(crate) fn begin(req: &ServiceRequest, id: &RequestId) -> Self {
        let method = label(req.method());
        let span = tracing::info_span!(
            "web.request",
            request.id = %id,
            http.method = method,
            http.route = Empty,
            http.status = Empty,
            duration_ms = Empty,
            tenant.id = Empty,
        );
        Self { span, method, started: Instant::now(), ended: false }
    }

    /// Counts and records the answer.
    pub(crate) fn end(mut self, route: Option<String>, status: StatusCode) {
        self.ended = true;
        let elapsed = self.started.elapsed();
        let route =
            route.map_or(metrics::SharedString::const_str(UNMATCHED), metrics::SharedString::from_owned);
        // At once: a log in JSON parses and writes all fields of a span anew each time.
        tracing::record_all!(
            self.span,
            http.route = &*route,
            http.status = status.as_u16(),
            duration_ms = milliseconds(elapsed)
        );
        self.span.in_scope(|| tracing::info!(target: "veza_web::access", "answered"));
        let labels = [("method", self.method.into()), ("route", route)];
        metrics::histogram!("veza_web_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
        let [method, route] = labels;
        let labels = [method, route, ("status", status.as_str().to_owned().into())];
        metrics::counter!("veza_web_requests_total", &labels).increment(1);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            metrics::counter!("veza_web_requests_aborted_total", "method" => self.method).increment(1);
            self.span.in_scope(|| tracing::info!(target: "veza_web::access", "client went away"));
        }
    }
}

fn milliseconds(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1000.0
}

/// Methods as a bounded set: anybody can make up new ones.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
