//! Requests without credentials, of which the handler finds out what they may do.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use veza_core::TenantId;

use super::{Stay, verifier};
use crate::client::Client;
use crate::codes::RATE_LIMITED;
use crate::gcra::Limit;
use crate::problem::Problem;
use crate::rate;
use crate::site::State;

/// So often may a network ask for what is not there: each time costs a look into the database.
const MISSES: Limit = Limit::per_minute(300);

/// A request that shows no credentials. It is for the handler to find out what it may do, and for which tenant: by a
/// signature, for example.
#[derive(Debug, Clone)]
pub struct Visitor(HttpRequest);

impl Visitor {
    /// Refuses a network that has asked too often for what is not there. Call it before looking.
    pub fn look(&self) -> Result<(), Problem> {
        let (state, client) = self.parts()?;
        let Some(network) = client.ip.map(network) else { return Ok(()) };
        let decision = state.misses.peek(&network, MISSES);
        if decision.allowed {
            return Ok(());
        }
        let detail = "your network has asked too often for what is not there";
        Err(Problem::new(&RATE_LIMITED, detail).retry_after(decision.retry_after))
    }

    /// Counts one that asked for what is not there.
    pub fn missed(&self) -> Result<(), Problem> {
        let (state, client) = self.parts()?;
        if let Some(network) = client.ip.map(network) {
            state.misses.check(&network, MISSES);
        }
        Ok(())
    }

    /// Lets the visitor act for `tenant`, which the handler has verified: counts it beside the tenant's
    /// members, who have as many requests, and refuses it like everybody else when the tenant is not served.
    pub async fn enter(&self, tenant: TenantId) -> Result<(), Problem> {
        let (state, client) = self.parts()?;
        let requests_per_minute = verifier(&state)?.visit(tenant, client).await?;
        tracing::Span::current().record("tenant.id", tracing::field::display(tenant));
        let decision = state.visitors.check(&tenant, Limit::per_minute(requests_per_minute));
        self.0.extensions_mut().insert(decision);
        if decision.allowed { Ok(()) } else { Err(rate::exceeded(&decision)) }
    }

    /// A watch over `tenant`, which let the visitor in, for what goes on for long.
    pub fn stay(&self, tenant: TenantId) -> Result<Stay, Problem> {
        let (state, client) = self.parts()?;
        Ok(Stay::new(state, client, tenant))
    }

    /// The tenant that the request names by its host, or by `X-Tenant-ID`: a hint, nothing verified.
    pub async fn named(&self) -> Result<Option<TenantId>, Problem> {
        let (state, client) = self.parts()?;
        verifier(&state)?.named(client).await
    }

    fn parts(&self) -> Result<(Arc<State>, Client), Problem> {
        let state = State::of(&self.0)?;
        Ok((Arc::clone(state), Client::read(&self.0, state)?))
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self(req.clone())))
    }
}

/// The network that an address stands for: one person commands a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => match long.to_ipv4_mapped() {
            Some(short) => IpAddr::V4(short),
            None => IpAddr::V6((long.to_bits() & !u128::from(u64::MAX)).into()),
        },
    }
}
