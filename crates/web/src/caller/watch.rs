//! Credentials of what goes on for long: a stream of events, a socket.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use veza_core::config::Secret;
use veza_core::{Caller, Kind, TenantId};

use crate::client::{Client, Credentials};
use crate::problem::Problem;
use crate::site::{Site, State};

/// Looks again and again whether credentials still hold, so that an expired token, an ended session, a revoked key or a
/// suspended organisation ends what was begun with them, within [`Watch::PERIOD`] of when this process knows of it.
#[derive(Clone)]
pub struct Watch {
    state: Arc<State>,
    credentials: Credentials,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// How often it looks.
    pub const PERIOD: Duration = Duration::from_secs(2);

    /// Who shows the credentials, verified now. It is not counted as a request.
    pub async fn verify(&self) -> Result<Caller, Problem> {
        Ok(super::verifier(&self.state)?.authenticate(self.credentials.clone()).await?.caller)
    }

    /// Ends when the credentials hold no more, with the reason. That they cannot be verified for the moment is none.
    pub async fn ended(&self) -> Problem {
        refused(|| self.verify()).await
    }
}

/// Looks again and again whether a tenant that let a [`Visitor`](crate::Visitor) in is still served.
#[derive(Clone)]
pub struct Stay {
    state: Arc<State>,
    client: Client,
    tenant: TenantId,
}

impl fmt::Debug for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stay").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Stay {
    pub(super) fn new(state: Arc<State>, client: Client, tenant: TenantId) -> Self {
        Self { state, client, tenant }
    }

    /// Ends when the tenant is not served any more, with the reason, as [`Watch::ended`] does. It is not counted as
    /// requests.
    pub async fn ended(&self) -> Problem {
        refused(async || super::verifier(&self.state)?.visit(self.tenant, self.client.clone()).await).await
    }
}

/// Looks until it is refused.
async fn refused<T>(look: impl AsyncFn() -> Result<T, Problem>) -> Problem {
    loop {
        tokio::time::sleep(Watch::PERIOD).await;
        match look().await {
            Err(problem) if matches!(problem.kind(), Kind::Unauthenticated | Kind::Forbidden) => {
                return problem;
            }
            _ => {}
        }
    }
}

impl Site {
    /// A watch over the credentials that `req` shows.
    pub fn watch(&self, req: &HttpRequest) -> Result<Watch, Problem> {
        let credentials = Credentials::read(req, &self.state)?;
        Ok(Watch { state: Arc::clone(&self.state), credentials })
    }

    /// A watch over a token that `client` sent otherwise than in a header.
    pub fn watch_token(&self, client: Client, token: Secret) -> Watch {
        let credentials = Credentials { token: Some(token), client };
        Watch { state: Arc::clone(&self.state), credentials }
    }
}
