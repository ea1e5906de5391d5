//! Everything that serves HTTP, put together.

use std::fmt;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_http::encoding::Encoder;
use actix_web::body::{BoxBody, EitherBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, Error, FromRequest, HttpRequest, dev, web};
use tracing::Span;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;
use veza_core::{Clock, Random, TenantId};

use crate::allow::Allow;
use crate::body::BodyLimit;
use crate::caller::Authenticate;
use crate::config::WebConfig;
use crate::cors::Cors;
use crate::document::Document;
use crate::drain::Drain;
use crate::edge::Edge;
use crate::health::{Check, Render};
use crate::limiter::Limiter;
use crate::problem::Problem;
use crate::proxy::Proxies;
use crate::trace_parent::TraceParent;
use crate::{allow, document, health, openapi};

/// Where routes are registered. A route registered here is served and stands in the OpenAPI
/// document; each noun has one function that takes it.
pub type Routes<'r> = ServiceConfig<'r>;

type SpanHook = Arc<dyn Fn(&Span, TraceParent) + Send + Sync>;

/// The parts of a site, collected.
pub struct Web {
    state: State,
}

/// A site: hands out one app per worker. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    pub(crate) state: Arc<State>,
}

/// What middleware and extractors share; one per process.
pub(crate) struct State {
    pub(crate) config: WebConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) proxies: Proxies,
    pub(crate) base_domain: Option<String>,
    pub(crate) cors: Cors,
    pub(crate) compression: bool,
    pub(crate) timeout: Duration,
    pub(crate) limiter: Limiter<TenantId>,
    /// Of those who came without credentials, so that strangers do not lock members out.
    pub(crate) visitors: Limiter<TenantId>,
    pub(crate) misses: Limiter<IpAddr>,
    pub(crate) authenticate: Option<Arc<dyn Authenticate>>,
    pub(crate) on_span: Option<SpanHook>,
    pub(crate) checks: Vec<Arc<dyn Check>>,
    pub(crate) metrics: Option<Render>,
    pub(crate) drain: Drain,
    pub(crate) document: OnceLock<Document>,
    pub(crate) allow: OnceLock<Allow>,
}

impl State {
    /// The state of the app that serves `req`.
    pub(crate) fn of(req: &HttpRequest) -> Result<&Arc<Self>, Problem> {
        req.app_data::<Arc<Self>>()
            .ok_or_else(|| Problem::internal(&"the route is not served through `Site::app`"))
    }
}

impl Web {
    /// A site with `config`, without credentials, checks or metrics yet.
    pub fn new(config: WebConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let base_domain = config.base_domain.as_ref().map(|base| base.trim_matches('.').to_ascii_lowercase());
        let state = State {
            proxies: Proxies::new(config.trusted_proxies.clone()),
            base_domain,
            cors: Cors::new(&config.cors),
            compression: config.compression,
            timeout: config.request_timeout.as_duration(),
            limiter: Limiter::new(Arc::clone(&clock)),
            visitors: Limiter::new(Arc::clone(&clock)),
            misses: Limiter::new(Arc::clone(&clock)),
            authenticate: None,
            on_span: None,
            checks: Vec::new(),
            metrics: None,
            drain: Drain::default(),
            document: OnceLock::new(),
            allow: OnceLock::new(),
            config,
            clock,
            random,
        };
        Self { state }
    }

    /// Who verifies credentials for routes that ask for a caller.
    #[must_use]
    pub fn authenticate(mut self, authenticate: Arc<dyn Authenticate>) -> Self {
        self.state.authenticate = Some(authenticate);
        self
    }

    /// Something that has to work for the process to be ready.
    #[must_use]
    pub fn check(mut self, check: Arc<dyn Check>) -> Self {
        self.state.checks.push(check);
        self
    }

    /// What `/metrics` answers, in the Prometheus text format. Without it there is no such route.
    #[must_use]
    pub fn metrics(mut self, render: Render) -> Self {
        self.state.metrics = Some(render);
        self
    }

    /// Called with each request's span and the trace it came with, before the span is entered: the
    /// moment to make the one a child of the other.
    #[must_use]
    pub fn on_request_span(mut self, hook: impl Fn(&Span, TraceParent) + Send + Sync + 'static) -> Self {
        self.state.on_span = Some(Arc::new(hook));
        self
    }

    /// The site.
    pub fn site(self) -> Site {
        Site { state: Arc::new(self.state) }
    }
}

impl Site {
    /// An app with the routes that `mount` registers, the routes of this crate (`/health`, `/ready`,
    /// `/metrics`, `/openapi.json`, `/docs`) and the layer around them all.
    pub fn app<F: FnOnce(&mut Routes<'_>)>(
        &self,
        mount: F,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<EitherBody<Encoder<BoxBody>>>,
            Error = Error,
            InitError = (),
        > + use<F>,
    > {
        let (app, api) = App::new()
            .app_data(Arc::clone(&self.state))
            .app_data(BodyLimit(self.state.config.body_limit))
            .into_utoipa_app()
            .openapi(openapi::base(&self.state.config.public_url))
            .configure(mount)
            .configure(|routes| own_routes(routes, &self.state))
            .split_for_parts();
        self.state.allow.get_or_init(|| Allow::new(&api));
        self.state.document.get_or_init(|| Document::new(openapi::complete(api)));
        app.default_service(web::to(allow::refuse)).wrap(Edge(Arc::clone(&self.state)))
    }

    /// The OpenAPI document of the routes that `mount` registers, without serving them.
    pub fn document(&self, mount: impl FnOnce(&mut Routes<'_>)) -> OpenApi {
        let (_, api) = App::new()
            .into_utoipa_app()
            .openapi(openapi::base(&self.state.config.public_url))
            .configure(mount)
            .configure(|routes| own_routes(routes, &self.state))
            .split_for_parts();
        openapi::complete(api)
    }

    /// The switch that announces the end of service.
    pub fn drain(&self) -> Drain {
        self.state.drain.clone()
    }
}

fn own_routes(routes: &mut Routes<'_>, state: &State) {
    routes.service(health::health).service(health::ready);
    if state.metrics.is_some() {
        routes.service(health::metrics);
    }
    routes.service(document::openapi_json).service(document::docs);
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The state as an argument of this crate's own handlers.
impl FromRequest for Site {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(State::of(req).map(|state| Self { state: Arc::clone(state) }))
    }
}
