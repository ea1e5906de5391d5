//! What a client gets instead of an answer: problem details (RFC 9457).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;
use veza_core::{CodeDoc, Fault, FieldError, Kind};

use crate::codes::INTERNAL;
use crate::request_id::RequestId;

/// Where the type of a problem is described; nobody has to fetch it.
pub const TYPE_BASE: &str = "https://veza.dev/problems/";

/// An answer that says what went wrong. Every [`Fault`] becomes one with `?`.
#[derive(Clone)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    kind: Kind,
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    headers: Vec<(HeaderName, HeaderValue)>,
    instance: Option<String>,
}

/// Sets headers on an answer, whether it went well or not; those of the same name that are there go.
///
/// # Errors
/// The problem that came in.
pub fn with_headers(
    answer: Result<HttpResponse, Problem>,
    headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
) -> Result<HttpResponse, Problem> {
    match answer {
        Ok(mut response) => {
            for (name, value) in headers {
                response.headers_mut().insert(name, value);
            }
            Ok(response)
        }
        Err(problem) => {
            Err(headers.into_iter().fold(problem, |problem, (name, value)| problem.header(name, value)))
        }
    }
}

/// The body of a problem.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body<'a> {
    /// A URI that names the kind of problem: a fixed part and the code.
    #[serde(rename = "type")]
    #[schema(format = "uri", example = "https://veza.dev/problems/web.route.not_found")]
    kind: String,
    /// The kind of problem in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// The stable code; programs decide by this.
    #[schema(example = "web.route.not_found")]
    code: &'a str,
    /// What went wrong this time, for people.
    detail: &'a str,
    /// This occurrence: the id of the request, as a URN.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uri")]
    instance: Option<&'a str>,
    /// The fields that break a rule.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(value_type = Option<Vec<FieldProblem>>)]
    errors: &'a [FieldError],
}

/// One field that breaks a rule.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "the schema of `veza_core::FieldError`, which knows nothing of OpenAPI")]
pub(crate) struct FieldProblem {
    /// A JSON pointer into the body, or the name of a header or query parameter.
    #[schema(example = "/name")]
    field: String,
    /// The stable code of the rule.
    #[schema(example = "too_long")]
    code: String,
    /// The rule in words.
    #[schema(example = "at most 200 characters")]
    rule: String,
}

impl Problem {
    /// A problem of the given code; `detail` is for people.
    pub fn new(doc: &CodeDoc, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details {
            kind: doc.kind,
            status: status(doc.kind),
            code: doc.code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            headers: Vec::new(),
            instance: None,
        }))
    }

    /// Our own fault. `cause` is logged here and nowhere shown.
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!(code = INTERNAL.code, error = %cause, "internal error");
        Self::new(&INTERNAL, INTERNAL_DETAIL)
    }

    /// The same problem with a field that breaks a rule.
    #[must_use]
    pub fn field(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// The same problem; trying again makes sense after `delay`.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// The same problem with a header of its own.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The same problem with a status that says more than its kind does.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What went wrong this time, for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The fields that break a rule.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// After how many seconds trying again makes sense, where that is known.
    pub fn retry_seconds(&self) -> Option<u64> {
        self.0.retry_after.map(whole_seconds)
    }

    /// The same problem as it happened in one request.
    #[must_use]
    pub(crate) fn within(mut self, id: &RequestId) -> Self {
        self.0.instance = Some(id.urn());
        self
    }

    fn body(&self) -> Vec<u8> {
        let details = &*self.0;
        let body = Body {
            kind: format!("{TYPE_BASE}{}", details.code),
            title: title(details.kind),
            status: details.status.as_u16(),
            code: details.code,
            detail: &details.detail,
            instance: details.instance.as_deref(),
            errors: &details.errors,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

const INTERNAL_DETAIL: &str = "Something went wrong on our side. Report the instance if it goes on.";

/// The one place where a failure becomes HTTP. An internal one is logged and loses its text.
impl<F: Fault> From<F> for Problem {
    fn from(fault: F) -> Self {
        let (kind, code) = (fault.kind(), fault.code());
        let doc = CodeDoc { code, kind, meaning: "" };
        if kind == Kind::Internal {
            let causes = Causes(&fault);
            tracing::error!(code, error = %causes, "internal error");
            return Self::new(&doc, INTERNAL_DETAIL);
        }
        let mut problem = Self::new(&doc, fault.to_string());
        problem.0.errors = fault.fields().to_vec();
        problem.0.retry_after = fault.retry_after();
        problem
    }
}

/// An error and what caused it, on one line.
struct Causes<'a>(&'a dyn std::error::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        // 402 is reserved and 429 would make clients try again: more is allowed only by another plan.
        Kind::Forbidden | Kind::QuotaExceeded => StatusCode::FORBIDDEN,
        Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFound => "Not found",
        Kind::Conflict => "Conflict",
        Kind::PreconditionFailed => "Precondition failed",
        Kind::Invalid => "Invalid request",
        Kind::Unauthenticated => "Not authenticated",
        Kind::Forbidden => "Not allowed",
        Kind::QuotaExceeded => "Quota exceeded",
        Kind::RateLimited => "Too many requests",
        Kind::Unavailable => "Temporarily unavailable",
        Kind::Internal => "Internal error",
    }
}

/// Whole seconds for `Retry-After` (RFC 9110 section 10.2.3): rounded up, so that nobody is early.
pub(crate) fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0)).max(1)
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let details = &*self.0;
        let mut response = HttpResponse::build(details.status);
        response.content_type("application/problem+json");
        let waits = matches!(details.kind, Kind::RateLimited | Kind::Unavailable);
        if let Some(delay) = details.retry_after.or(waits.then_some(Duration::from_secs(1))) {
            response.insert_header((header::RETRY_AFTER, whole_seconds(delay)));
        }
        for (name, value) in &details.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(self.body())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
