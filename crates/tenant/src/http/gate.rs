//! Credentials of HTTP requests, verified by our accounts.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use veza_core::config::Secret;
use veza_web::{Admission, Authenticate, Credentials, Limit, Limiter, Problem};

use crate::authenticate;
use crate::error::Error;
use crate::service::Tenants;

/// Lets in who shows an access token or API key of ours. A network address that shows many false
/// ones is not looked at for a while: an API key costs a look into the database.
pub struct Gate {
    tenants: Tenants,
    failures: Limiter<IpAddr>,
}

/// False credentials a minute from one network address.
const FAILURES: Limit = Limit::per_minute(300);

impl Gate {
    /// The gate of this deployment.
    pub fn new(tenants: Tenants) -> Self {
        Self { failures: Limiter::new(Arc::clone(tenants.db().clock())), tenants }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Authenticate for Gate {
    fn authenticate(
        &self,
        credentials: Credentials,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, Problem>> + Send + '_>> {
        Box::pin(async move {
            let shown = authenticate::Credentials {
                bearer: credentials.token.as_ref().map(Secret::expose),
                tenant_header: credentials.client.tenant.as_deref(),
                subdomain: credentials.client.slug.as_deref(),
            };
            let from = credentials.client.ip;
            let spent = from.map(|from| self.failures.peek(&from, FAILURES)).filter(|look| !look.allowed);
            if let Some(spent) = spent {
                return Err(Error::TooManyAttempts(spent.retry_after).into());
            }
            let admitted = self.tenants.authenticate(shown).await;
            if let (Some(from), Err(Error::TokenInvalid)) = (from, &admitted) {
                self.failures.check(&from, FAILURES);
            }
            let admitted = admitted?;
            Ok(Admission { caller: admitted.caller, requests_per_minute: admitted.requests_per_minute })
        })
    }
}
