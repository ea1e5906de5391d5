//! An answer on its way out.

use std::fmt;
use std::sync::Arc;

use actix_http::ConnectionType;
use actix_http::encoding::Encoder;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentEncoding, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpResponse, ResponseError};
use bytes::Bytes;

use crate::edge::EdgeBody;
use crate::gcra::Decision;
use crate::problem::Problem;
use crate::request_id::{self, RequestId};
use crate::site::State;
use crate::{compress, cors, rate, refusal, security};

/// What the answer to a request needs to know of it.
pub(crate) struct Answer {
    state: Arc<State>,
    id: RequestId,
    origin: Option<HeaderValue>,
    over_tls: bool,
    showed_token: bool,
    encoding: ContentEncoding,
}

impl Answer {
    pub(crate) fn to(req: &ServiceRequest, state: Arc<State>, id: RequestId) -> Self {
        let headers = req.headers();
        let trusted = state.proxies.trusts(req.peer_addr().map(|peer| peer.ip()));
        let forwarded = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
        Self {
            origin: state.cors.origin(headers),
            over_tls: req.app_config().secure() || (trusted && forwarded),
            showed_token: headers.contains_key(header::AUTHORIZATION),
            encoding: if state.compression { compress::accepted(headers) } else { ContentEncoding::Identity },
            state,
            id,
        }
    }

    pub(crate) fn preflight(&self, req: &ServiceRequest) -> Option<HttpResponse> {
        cors::preflight(req, self.origin.as_ref())
    }

    /// An answer given before any route was asked.
    pub(crate) fn early<B: MessageBody>(
        &self,
        req: ServiceRequest,
        refused: Result<HttpResponse, Problem>,
    ) -> ServiceResponse<EdgeBody<B>> {
        let mut response = refused.unwrap_or_else(|problem| self.render(problem));
        self.stamp(&mut response);
        req.into_response(response).map_into_right_body()
    }

    /// The answer of a route, with all that goes with it.
    pub(crate) fn finish<B: MessageBody>(
        &self,
        response: ServiceResponse<B>,
    ) -> ServiceResponse<EdgeBody<B>> {
        let decision = response.request().extensions().get::<Decision>().copied();
        let mut response = if let Some(problem) = refusal::find(&response) {
            let problem = self.render(problem);
            response.into_response(problem).map_into_right_body()
        } else {
            self.compress(response).map_into_left_body()
        };
        if let Some(decision) = decision {
            rate::stamp(response.headers_mut(), &decision);
        }
        self.stamp(response.response_mut());
        response
    }

    /// An answer for a request that is lost.
    pub(crate) fn alone(&self, problem: Problem) -> Finished {
        let mut response = self.render(problem);
        self.stamp(&mut response);
        Finished {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.into_body().try_into_bytes().unwrap_or_default(),
        }
    }

    fn render(&self, problem: Problem) -> HttpResponse {
        problem.within(&self.id).error_response()
    }

    fn compress<B: MessageBody>(&self, response: ServiceResponse<B>) -> ServiceResponse<Encoder<B>> {
        response.map_body(|head, body| {
            let worth = self.encoding != ContentEncoding::Identity
                && compress::is_worth_it(head.status, head.headers(), body.size());
            let encoding = if worth { self.encoding } else { ContentEncoding::Identity };
            Encoder::response(encoding, head, body)
        })
    }

    fn stamp<B>(&self, response: &mut HttpResponse<B>) {
        let unauthenticated = response.status() == StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        if unauthenticated && !headers.contains_key(header::WWW_AUTHENTICATE) {
            let challenge = if self.showed_token { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        headers.insert(HeaderName::from_static(request_id::HEADER), self.id.header_value());
        security::stamp(headers, self.over_tls);
        self.state.cors.stamp(headers, self.origin.as_ref());
        if self.state.drain.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
    }
}

/// A whole answer as an error: the way out when there is no request to answer to.
pub(crate) struct Finished {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Finished {
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl ResponseError for Finished {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status).body(self.body.clone());
        *response.headers_mut() = self.headers.clone();
        // What was given up may have left the body half read.
        response.head_mut().set_connection_type(ConnectionType::Close);
        response
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finished({})", self.status)
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered with {}", self.status)
    }
}
