//! `/v1/chat/connect`: the WebSocket. What is said there, PROTOCOL.md has.

mod answers;
mod asyncapi;
mod bodies;
mod code;
mod parting;
mod pushes;
mod request;
mod serve;
mod session;
mod sockets;
mod writing;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, rt};
use veza_web::{Client, HangUp, Problem, Routes, Site};

pub use self::asyncapi::document;
pub(super) use self::parting::MOST as MOST_PARTINGS;
use self::session::Session;
pub(super) use self::sockets::{Seat, Sockets};
use self::writing::Writing;
use super::State;
use crate::error::Error;
use crate::frame::handshake::{Refusal, Request};

/// The subprotocol.
const PROTOCOL: &str = "veza.chat.v1.json";

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(connect);
}

/// Listen to rooms and send, over a WebSocket with the subprotocol `veza.chat.v1.json`.
///
/// A browser says its token in the first message; others may send it as usual, in `Authorization`.
#[utoipa::path(tag = "messages", security(()), responses(
    (status = SWITCHING_PROTOCOLS, description = "The protocol begins."),
    (status = UPGRADE_REQUIRED, description = "The request is none for a WebSocket of version 13.")
))]
#[get("/v1/chat/connect")]
async fn connect(
    req: HttpRequest,
    state: Data<State>,
    site: Site,
    client: Client,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let header = |name| req.headers().get_all(name).map(HeaderValue::as_bytes);
    let http_1_1 = req.version() == actix_web::http::Version::HTTP_11;
    let asked = Request { method: req.method().as_str(), http_1_1, header };
    let upgrade = asked.upgrade(&[PROTOCOL]).map_err(refused)?;
    let mut session = Session::new(state, site.clone(), client, HangUp::take(&req));
    if req.headers().contains_key("authorization") {
        session.enter(site.watch(&req)?).await?;
    }
    let writing = Writing::new(session.outbox());
    rt::spawn(session.run(payload));
    let mut response = HttpResponse::SwitchingProtocols();
    response.upgrade("websocket").insert_header(("sec-websocket-accept", upgrade.accept));
    if let Some(protocol) = upgrade.protocol {
        response.insert_header(("sec-websocket-protocol", protocol));
    }
    Ok(response.streaming(writing))
}

fn refused(refusal: Refusal) -> Problem {
    let why = match refusal {
        Refusal::Method => "the method must be GET",
        Refusal::HttpVersion => "a WebSocket begins with HTTP/1.1",
        Refusal::Upgrade => "the header Upgrade must name websocket",
        Refusal::Connection => "the header Connection must name Upgrade",
        Refusal::Version => "the header Sec-WebSocket-Version must be 13",
        Refusal::Key => "the header Sec-WebSocket-Key must be base64 of 16 bytes",
        Refusal::Protocol => "the header Sec-WebSocket-Protocol must be a list of tokens",
    };
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut problem = Problem::from(Error::Protocol(why)).status(status);
    for (name, value) in refusal.headers() {
        problem = problem.header(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    problem
}
