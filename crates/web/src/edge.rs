//! The one layer around every route: request id, span, metrics, problems, headers, compression.
//! One, because each layer costs an allocation and a virtual call per request.

use std::any::Any;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix_http::encoding::Encoder;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tracing::Instrument;
use veza_core::FieldError;

use crate::answer::Answer;
use crate::codes::{HEADER_DUPLICATE, TIMEOUT};
use crate::deadline::Deadline;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::refusal;
use crate::request_id::RequestId;
use crate::security;
use crate::serve;
use crate::site::State;
use crate::trace_parent::TraceParent;

/// What leaves: the route's body, compressed or not, or a problem in its place.
pub(crate) type EdgeBody<B> = EitherBody<Encoder<B>, BoxBody>;

/// The middleware.
#[derive(Debug, Clone)]
pub(crate) struct Edge(pub(crate) Arc<State>);

/// The middleware around an app's routes.
#[derive(Debug)]
pub(crate) struct EdgeService<S> {
    routes: S,
    state: Arc<State>,
}

impl<S, B> Transform<S, ServiceRequest> for Edge
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EdgeBody<B>>;
    type Error = Error;
    type Transform = EdgeService<S>;
    type InitError = ();
    type Future = Ready<Result<EdgeService<S>, ()>>;

    fn new_transform(&self, routes: S) -> Self::Future {
        ready(Ok(EdgeService { routes, state: Arc::clone(&self.0) }))
    }
}

impl<S, B> Service<ServiceRequest> for EdgeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EdgeBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(routes);

    fn call(&self, mut req: ServiceRequest) -> Self::Future {
        serve::release(req.request());
        let state = &*self.state;
        let id = RequestId::choose(req.headers(), &*state.clock, &*state.random);
        let exchange = Exchange::begin(&req, &id);
        let answer = Answer::to(&req, Arc::clone(&self.state), id.clone());
        if let Some(refused) = refuse_early(&req, &answer) {
            return Box::pin(ready(Ok(close(exchange, answer.early(req, refused)))));
        }
        head_by_get(&mut req, state);
        let deadline = Deadline::after(state.timeout);
        attach(&req, state, &exchange, id, deadline.clone());
        let span = exchange.span.clone();
        // Routing runs here, a handler in the future; both are held when they panic.
        let work = span.in_scope(|| catch_unwind(AssertUnwindSafe(|| self.routes.call(req))));
        let work = async move {
            match work {
                Ok(work) => deadline.hold(AssertUnwindSafe(work).catch_unwind()).await.transpose(),
                Err(panic) => Err(panic),
            }
        };
        Box::pin(async move {
            match work.instrument(span.clone()).await {
                Ok(Some(Ok(response))) => Ok(close(exchange, span.in_scope(|| answer.finish(response)))),
                Ok(Some(Err(error))) => {
                    Err(abandon(exchange, &answer, span.in_scope(|| refusal::of(&error))))
                }
                Ok(None) => Err(abandon(exchange, &answer, timeout())),
                Err(panic) => Err(abandon(exchange, &answer, span.in_scope(|| panicked(&*panic)))),
            }
        })
    }
}

/// What needs no route: a header that came twice, a browser that asks before it calls.
fn refuse_early(req: &ServiceRequest, answer: &Answer) -> Option<Result<actix_web::HttpResponse, Problem>> {
    if let Some(name) = security::duplicate(req.headers()) {
        let error = FieldError::new(name.as_str().to_owned(), "duplicate", "sent at most once");
        let problem = Problem::new(&HEADER_DUPLICATE, format!("the header {name} came more than once"));
        return Some(Err(problem.field(error)));
    }
    answer.preflight(req).map(Ok)
}

/// Lets GET answer HEAD; the protocol's encoder knows what was asked and keeps the body back.
fn head_by_get(req: &mut ServiceRequest, state: &State) {
    let by_get = |pattern: String| state.allow.get().is_some_and(|allow| allow.heads_by_get(&pattern));
    if req.method() == Method::HEAD && req.match_pattern().is_some_and(by_get) {
        req.head_mut().method = Method::GET;
    }
}

/// Gives handlers what they may ask for.
fn attach(req: &ServiceRequest, state: &State, exchange: &Exchange, id: RequestId, deadline: Deadline) {
    let mut extensions = req.extensions_mut();
    extensions.insert(id);
    extensions.insert(deadline);
    if let Some(parent) = TraceParent::find(req.headers()) {
        extensions.insert(parent);
        if let Some(hook) = &state.on_span {
            hook(&exchange.span, parent);
        }
    }
}

fn close<B>(exchange: Exchange, response: ServiceResponse<B>) -> ServiceResponse<B> {
    exchange.end(response.request().match_pattern(), response.status());
    response
}

/// The answer when the request itself is lost: with a panic, or with work that was given up.
fn abandon(exchange: Exchange, answer: &Answer, problem: Problem) -> Error {
    let finished = answer.alone(problem);
    exchange.end(None, finished.status());
    finished.into()
}

fn timeout() -> Problem {
    Problem::new(&TIMEOUT, "the request took longer than the server allows")
}

fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    metrics::counter!("veza_web_panics_total").increment(1);
    Problem::internal(&format_args!("a handler panicked: {}", text.unwrap_or("without a text")))
        .status(StatusCode::INTERNAL_SERVER_ERROR)
}
