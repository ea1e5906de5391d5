//! What a client is told about its rate limit.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::codes::RATE_LIMITED;
use crate::gcra::Decision;
use crate::problem::{Problem, whole_seconds};

/// Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) fn stamp(headers: &mut HeaderMap, decision: &Decision) {
    let policy = format!("\"tenant\";q={};w={}", decision.limit.burst, whole_seconds(decision.limit.period));
    let reset = if decision.allowed { decision.reset_after } else { decision.retry_after };
    let state = format!("\"tenant\";r={};t={}", decision.remaining, whole_seconds(reset));
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// The refusal of a request that is one too many.
pub(crate) fn exceeded(decision: &Decision) -> Problem {
    let detail = format!(
        "this tenant may ask {} times in {} seconds",
        decision.limit.burst,
        whole_seconds(decision.limit.period)
    );
    Problem::new(&RATE_LIMITED, detail).retry_after(decision.retry_after)
}
