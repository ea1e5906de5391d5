//! The routes below `/v1/tenant`, and the gate in front of all routes.

mod api_keys;
mod gate;
mod invitations;
mod members;
mod organizations;
mod roles;
mod sessions;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use sha2::{Digest, Sha256};
use veza_core::Clock;
use veza_web::{Decision, Limit, Limiter, Routes};

use crate::error::Error;
use crate::input::comparable;
use crate::misses::network;
use crate::service::Tenants;

pub use self::gate::Gate;

/// What the handlers share.
#[derive(Debug)]
struct State {
    tenants: Tenants,
    guesses: Guesses,
}

/// Registers all routes of this crate.
pub fn routes(tenants: Tenants) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let guesses = Guesses::new(Arc::clone(tenants.db().clock()), &tenants);
    let state = Data::new(State { tenants, guesses });
    move |routes| {
        routes.app_data(state.clone());
        organizations::routes(routes);
        sessions::routes(routes);
        members::routes(routes);
        invitations::routes(routes);
        roles::routes(routes);
        api_keys::routes(routes);
    }
}

/// How often somebody may try passwords and tokens.
#[derive(Debug)]
struct Guesses {
    by_address: Limiter<(IpAddr, u32)>,
    by_subject: Limiter<[u8; 32]>,
    invitations: Limiter<[u8; 32]>,
    limit: Limit,
}

impl Guesses {
    fn new(clock: Arc<dyn Clock>, tenants: &Tenants) -> Self {
        let attempts = tenants.config().sign_in_attempts_per_minute;
        Self {
            by_address: Limiter::new(Arc::clone(&clock)),
            by_subject: Limiter::new(Arc::clone(&clock)),
            invitations: Limiter::new(clock),
            limit: Limit::per_minute(attempts),
        }
    }

    /// Counts an attempt at something that people choose: ten times as many from one network
    /// address as at one account.
    fn count(&self, from: Option<IpAddr>, subject: &str) -> Result<(), Error> {
        self.count_address(from, 10)?;
        // A digest, so that what a stranger sends takes no room here, however long it is.
        let subject: [u8; 32] = Sha256::digest(comparable(subject)).into();
        allowed(self.by_subject.check(&subject, self.limit))
    }

    /// Counts an invitation to an address: our mail must be nobody's weapon.
    fn count_invitation(&self, to: &str) -> Result<(), Error> {
        let to: [u8; 32] = Sha256::digest(comparable(to)).into();
        let limit = Limit { burst: 10, period: Duration::from_hours(24) };
        let decision = self.invitations.check(&to, limit);
        if decision.allowed { Ok(()) } else { Err(Error::TooManyInvitations(decision.retry_after)) }
    }

    /// Counts an attempt at something that nobody can guess; it only has to cost us little.
    fn count_unguessable(&self, from: Option<IpAddr>) -> Result<(), Error> {
        self.count_address(from, 100)
    }

    fn count_address(&self, from: Option<IpAddr>, times: u32) -> Result<(), Error> {
        let Some(from) = from else { return Ok(()) };
        let limit = Limit::per_minute(self.limit.burst.saturating_mul(times));
        allowed(self.by_address.check(&(network(from), times), limit))
    }
}

fn allowed(decision: Decision) -> Result<(), Error> {
    if decision.allowed { Ok(()) } else { Err(Error::TooManyAttempts(decision.retry_after)) }
}

veza_web::missing!(
    Error::NotFound;
    NoMember = "member",
    NoInvitation = "invitation",
    NoRole = "role",
    NoKey = "api_key",
    NoSession = "session"
);
