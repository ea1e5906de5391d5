//! The seam to whatever verifies credentials, and the extractor behind it.

mod visitor;

mod watch;

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, LocalBoxFuture, Shared};
use veza_core::{Caller, TenantId};

pub use self::visitor::Visitor;
pub use self::watch::{Stay, Watch};
use crate::client::{Client, Credentials};
use crate::gcra::{Decision, Limit};
use crate::problem::Problem;
use crate::rate;
use crate::site::State;

/// Verifies credentials. The tenant crate does it with its accounts; a program with a login of its
/// own implements this one trait.
pub trait Authenticate: fmt::Debug + Send + Sync + 'static {
    /// Who shows these credentials. A problem of kind `Unauthenticated` when nobody we know does.
    fn authenticate(&self, credentials: Credentials) -> BoxFuture<'_, Result<Admission, Problem>>;

    /// How many requests a minute may be made for `tenant` by somebody without credentials, whom a signature of the
    /// tenant's lets in, or the tenant's word that something is public. A problem when the tenant may not be served
    /// now, or is another than the client names.
    fn visit(&self, tenant: TenantId, client: Client) -> BoxFuture<'_, Result<u32, Problem>>;

    /// The tenant that the host name, or `X-Tenant-ID`, means; none when they mean nobody.
    fn named(&self, client: Client) -> BoxFuture<'_, Result<Option<TenantId>, Problem>>;
}

fn verifier(state: &State) -> Result<&dyn Authenticate, Problem> {
    let verifier = state.authenticate.as_deref();
    verifier.ok_or_else(|| Problem::internal(&"a route asks for a caller and nothing verifies credentials"))
}

/// A verified caller, and how often its tenant may ask.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Who acts.
    pub caller: Caller,
    /// Requests a minute that the tenant may make, all its callers together. 0 refuses them all.
    pub requests_per_minute: u32,
}

/// The verified caller of a request. As a handler's first argument it holds the others back: no
/// body is read for strangers, and they learn nothing about what would have been wrong with it.
#[derive(Debug, Clone)]
pub struct Authenticated(Caller);

impl Authenticated {
    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.0
    }

    /// The caller, owned.
    pub fn into_caller(self) -> Caller {
        self.0
    }
}

impl Deref for Authenticated {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

/// The verification of a request, shared by its extractors: it runs, and counts, once.
#[derive(Clone)]
struct Gate(Shared<LocalBoxFuture<'static, Outcome>>);

#[derive(Clone)]
struct Outcome {
    decision: Option<Decision>,
    result: Result<Caller, Problem>,
}

impl Gate {
    fn of(req: &HttpRequest) -> Self {
        if let Some(gate) = req.extensions().get::<Self>() {
            return gate.clone();
        }
        // The future holds nothing of the request: it is stored in the request.
        let shown = State::of(req).and_then(|state| Ok((Arc::clone(state), Credentials::read(req, state)?)));
        let verify = async move {
            match shown {
                Ok((state, credentials)) => admit(&state, credentials).await,
                Err(problem) => Outcome { decision: None, result: Err(problem) },
            }
        };
        let gate = Self(verify.boxed_local().shared());
        req.extensions_mut().insert(gate.clone());
        gate
    }

    async fn pass(self, req: &HttpRequest) -> Result<Caller, Problem> {
        let outcome = self.0.await;
        let mut extensions = req.extensions_mut();
        if let Some(decision) = outcome.decision {
            extensions.insert(decision);
        }
        let caller = outcome.result?;
        if !extensions.contains::<Caller>() {
            extensions.insert(caller.clone());
        }
        Ok(caller)
    }
}

async fn admit(state: &State, credentials: Credentials) -> Outcome {
    let authenticate = match verifier(state) {
        Ok(authenticate) => authenticate,
        Err(problem) => return Outcome { decision: None, result: Err(problem) },
    };
    let admission = match authenticate.authenticate(credentials).await {
        Ok(admission) => admission,
        Err(problem) => return Outcome { decision: None, result: Err(problem) },
    };
    let tenant = admission.caller.tenant();
    tracing::Span::current().record("tenant.id", tracing::field::display(tenant));
    let decision = state.limiter.check(&tenant, Limit::per_minute(admission.requests_per_minute));
    let result = if decision.allowed { Ok(admission.caller) } else { Err(rate::exceeded(&decision)) };
    Outcome { decision: Some(decision), result }
}

/// The caller of `req`, verified now if it was not yet.
pub(crate) fn verify(req: &HttpRequest) -> impl Future<Output = Result<Caller, Problem>> + 'static {
    let (gate, req) = (Gate::of(req), req.clone());
    async move { gate.pass(&req).await }
}

/// Runs `work` after the caller was verified, if an extractor before this one asked for that.
pub(crate) fn behind<T: 'static>(
    req: &HttpRequest,
    work: impl Future<Output = Result<T, Problem>> + 'static,
) -> LocalBoxFuture<'static, Result<T, Problem>> {
    let gate = req.extensions().get::<Gate>().cloned();
    let Some(gate) = gate else { return work.boxed_local() };
    let req = req.clone();
    Box::pin(async move {
        gate.pass(&req).await?;
        work.await
    })
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let caller = verify(req);
        Box::pin(async move { caller.await.map(Self) })
    }
}
