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

use actix_web::web::Data;
use veza_core::Clock;
use veza_web::{IfMatch, Limit, Limiter, Problem, Routes};

use crate::error::Error;
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
    by_address: Limiter<IpAddr>,
    by_subject: Limiter<String>,
    limit: Limit,
    limit_by_address: Limit,
}

impl Guesses {
    fn new(clock: Arc<dyn Clock>, tenants: &Tenants) -> Self {
        let attempts = tenants.config().sign_in_attempts_per_minute;
        Self {
            by_address: Limiter::new(Arc::clone(&clock)),
            by_subject: Limiter::new(clock),
            limit: Limit::per_minute(attempts),
            limit_by_address: Limit::per_minute(attempts.saturating_mul(10)),
        }
    }

    /// Counts an attempt from a network address and, where one is named, at an account.
    fn count(&self, from: Option<IpAddr>, subject: Option<&str>) -> Result<(), Error> {
        if let Some(from) = from {
            let decision = self.by_address.check(&from, self.limit_by_address);
            if !decision.allowed {
                return Err(Error::TooManyAttempts(decision.retry_after));
            }
        }
        if let Some(subject) = subject {
            let decision = self.by_subject.check(&subject.to_lowercase(), self.limit);
            if !decision.allowed {
                return Err(Error::TooManyAttempts(decision.retry_after));
            }
        }
        Ok(())
    }
}

/// The versions that a change expects, as its closure can hold them.
fn expected(condition: &IfMatch) -> Option<Vec<i64>> {
    condition.versions().map(<[i64]>::to_vec)
}

/// What a missing thing of each noun answers.
macro_rules! missing {
    ($($name:ident = $noun:literal),*) => {
        $(
            #[derive(Debug)]
            enum $name {}
            impl veza_web::Missing for $name {
                fn missing() -> Problem {
                    Error::NotFound($noun).into()
                }
            }
        )*
    };
}
missing!(
    NoMember = "member",
    NoInvitation = "invitation",
    NoRole = "role",
    NoKey = "api_key",
    NoSession = "session"
);
