//! Requests that create something, once.

use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use veza_core::idempotency::IdempotencyKey;
use veza_core::{Caller, Principal};

use crate::problem::Problem;
use crate::{body, caller, json};

/// A verified caller, a JSON body, and the `Idempotency-Key` that goes with both: what
/// [`once`](veza_core::idempotency::once) takes. The key stands for this method, path and body; used for
/// another request it is refused.
#[derive(Debug, Clone)]
pub struct Create<T> {
    /// Who creates.
    pub caller: Caller,
    /// What.
    pub body: T,
    /// The client's key, if it sent one.
    pub key: Option<IdempotencyKey>,
}

impl<T: DeserializeOwned + 'static> FromRequest for Create<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (req, payload, caller) = (req.clone(), payload.take(), caller::verify(req));
        Box::pin(async move {
            let caller = caller.await?;
            let bytes = body::json(&req, payload).await?;
            let key = key(&req, caller.principal(), &bytes)?;
            Ok(Self { caller, body: json::parse(&bytes)?, key })
        })
    }
}

/// A verified caller and the `Idempotency-Key` of a request without a body.
#[derive(Debug, Clone)]
pub struct Once {
    /// Who asks.
    pub caller: Caller,
    /// The client's key, if it sent one.
    pub key: Option<IdempotencyKey>,
}

impl FromRequest for Once {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let (req, caller) = (req.clone(), caller::verify(req));
        Box::pin(async move {
            let caller = caller.await?;
            let key = key(&req, caller.principal(), &[])?;
            Ok(Self { caller, key })
        })
    }
}

fn key(req: &HttpRequest, principal: Principal, body: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = sent(req.headers()) else { return Ok(None) };
    let target = req.uri().path_and_query().map_or("/", |target| target.as_str());
    let request = [req.method().as_str().as_bytes(), target.as_bytes(), body];
    Ok(Some(IdempotencyKey::new(key, principal, &request)?))
}

/// The key as sent; what is not ASCII is refused like an empty one.
fn sent(headers: &HeaderMap) -> Option<&str> {
    headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default())
}
