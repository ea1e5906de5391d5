//! Credentials of HTTP requests, verified by our accounts.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use veza_core::TenantId;
use veza_core::config::Secret;
use veza_web::{Admission, Authenticate, Client, Credentials, Problem};

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
            let bearer = credentials.token.as_ref().map(Secret::expose);
            let shown = authenticate::Credentials { bearer, ..hints(&credentials.client) };
            let admitted = self.0.authenticate(shown).await?;
            Ok(Admission { caller: admitted.caller, requests_per_minute: admitted.requests_per_minute })
        })
    }

    fn visit(
        &self,
        tenant: TenantId,
        client: Client,
    ) -> Pin<Box<dyn Future<Output = Result<u32, Problem>> + Send + '_>> {
        Box::pin(async move { Ok(self.0.visit(tenant, hints(&client)).await?) })
    }

    fn named(
        &self,
        client: Client,
    ) -> Pin<Box<dyn Future<Output = Result<Option<TenantId>, Problem>> + Send + '_>> {
        Box::pin(async move { Ok(self.0.hinted(hints(&client)).await?) })
    }
}

/// What a request says of an organisation.
fn hints(client: &Client) -> authenticate::Credentials<'_> {
    authenticate::Credentials {
        bearer: None,
        tenant_header: client.tenant.as_deref(),
        subdomain: client.slug.as_deref(),
        from: client.ip,
    }
}
