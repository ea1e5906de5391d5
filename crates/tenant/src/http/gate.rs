//! Credentials of HTTP requests, verified by our accounts.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use veza_core::config::Secret;
use veza_web::{Admission, Authenticate, Credentials, Problem};

use crate::authenticate;
use crate::service::Tenants;

/// Lets in who shows an access token or API key of ours.
pub struct Gate(Tenants);

impl Gate {
    /// The gate of this deployment.
    pub fn new(tenants: Tenants) -> Self {
        Self(tenants)
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
                from: credentials.client.ip,
            };
            let admitted = self.0.authenticate(shown).await?;
            Ok(Admission { caller: admitted.caller, requests_per_minute: admitted.requests_per_minute })
        })
    }
}
