//! Handlers by the kind of job they do.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service};

use crate::context::Context;
use crate::handler::{Handler, JobError, Outcome};
use crate::job::{Job, Retry};

/// One attempt at one job: what layers see.
#[derive(Debug)]
pub struct Execution {
    context: Context,
    payload: String,
}

impl Execution {
    pub(crate) fn new(context: Context, payload: String) -> Self {
        Self { context, payload }
    }

    /// Whose job it is, which attempt, until when.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The job as JSON.
    pub fn payload(&self) -> &str {
        &self.payload
    }
}

pub(crate) type Run = BoxCloneSyncService<Execution, Outcome, JobError>;

/// A kind's handler and what happens after its failures.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) run: Run,
    pub(crate) retry: Retry,
    pub(crate) queue: &'static str,
}

/// Handlers by kind.
pub(crate) type Registry = BTreeMap<Cow<'static, str>, Registered>;

/// A handler as a service.
struct Typed<J, H> {
    handler: Arc<H>,
    job: PhantomData<fn() -> J>,
}

impl<J, H> Clone for Typed<J, H> {
    fn clone(&self) -> Self {
        Self { handler: Arc::clone(&self.handler), job: PhantomData }
    }
}

impl<J: Job, H: Handler<J>> Service<Execution> for Typed<J, H> {
    type Response = Outcome;
    type Error = JobError;
    type Future = BoxFuture<'static, Result<Outcome, JobError>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), JobError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, execution: Execution) -> Self::Future {
        let handler = Arc::clone(&self.handler);
        async move {
            let job: J = serde_json::from_str(&execution.payload)
                .map_err(|error| JobError::Retry(format!("the payload is no {}: {error}", J::KIND)))?;
            handler.run(job, execution.context).await
        }
        .boxed()
    }
}

pub(crate) fn registered<J: Job, H: Handler<J>>(handler: H) -> Registered {
    let run = Run::new(Typed { handler: Arc::new(handler), job: PhantomData });
    Registered { run, retry: J::RETRY, queue: J::QUEUE }
}

/// Puts a layer around a handler.
pub(crate) fn layered<L>(layer: &L, run: Run) -> Run
where
    L: Layer<Run>,
    L::Service: Service<Execution, Response = Outcome, Error = JobError> + Clone + Send + Sync + 'static,
    <L::Service as Service<Execution>>::Future: Send + 'static,
{
    Run::new(layer.layer(run))
}
