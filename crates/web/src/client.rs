//! What a request says about who sent it, before anything is verified.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{FromRequest, HttpRequest, dev};
use veza_core::config::Secret;

use crate::codes::{HEADER_INVALID, UNAUTHENTICATED};
use crate::host;
use crate::problem::Problem;
use crate::site::State;

const MAX_USER_AGENT: usize = 512;

/// Where a request comes from. An extractor for routes that need no credentials: sign-up, sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The address of the client, seen through the trusted proxies. None on a UNIX socket.
    pub ip: Option<IpAddr>,
    /// What the client calls itself; 512 bytes at most.
    pub user_agent: Option<String>,
    /// `X-Tenant-ID` as sent: a hint, nothing verified.
    pub tenant: Option<String>,
    /// The tenant in the host name, when a base domain is configured.
    pub slug: Option<String>,
}

/// What a request shows to be admitted.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The token of `Authorization: Bearer …`: a session's or an API key.
    pub token: Option<Secret>,
    /// Where the request comes from.
    pub client: Client,
}

impl Client {
    pub(crate) fn read(req: &HttpRequest, state: &State) -> Result<Self, Problem> {
        let headers = req.headers();
        let peer = req.peer_addr().map(|address| address.ip());
        let host = authority(req, state.proxies.trusts(peer))?;
        let slug = match host.map(host::normalise).transpose()? {
            Some(host) => host::slug(&host, state.base_domain.as_deref())?,
            None => None,
        };
        Ok(Self {
            ip: state.proxies.client(peer, headers),
            user_agent: headers.get("user-agent").map(shorten),
            tenant: text(headers, "x-tenant-id")?.map(str::to_owned),
            slug,
        })
    }
}

impl Credentials {
    pub(crate) fn read(req: &HttpRequest, state: &State) -> Result<Self, Problem> {
        Ok(Self { token: bearer(req.headers())?, client: Client::read(req, state)? })
    }
}

/// What the client asked for, as the trusted proxy saw it or as it came.
fn authority(req: &HttpRequest, trusted: bool) -> Result<Option<&str>, Problem> {
    let forwarded = if trusted { text(req.headers(), "x-forwarded-host")? } else { None };
    if let Some(hosts) = forwarded {
        return Ok(hosts.rsplit(',').next().map(str::trim));
    }
    if let Some(authority) = req.head().uri.authority() {
        return Ok(Some(authority.as_str()));
    }
    text(req.headers(), "host")
}

/// RFC 6750 section 2.1.
fn bearer(headers: &HeaderMap) -> Result<Option<Secret>, Problem> {
    let Some(sent) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let malformed = || Problem::new(&UNAUTHENTICATED, "the Authorization header is not `Bearer` and a token");
    let (scheme, token) = sent.to_str().ok().and_then(|sent| sent.split_once(' ')).ok_or_else(malformed)?;
    let token = token.trim();
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !scheme.eq_ignore_ascii_case("bearer") || !plain {
        return Err(malformed());
    }
    Ok(Some(Secret::new(token)))
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Problem> {
    let malformed =
        |_| Problem::new(&HEADER_INVALID, format!("{name} has other than visible ASCII characters"));
    headers.get(name).map(|value| value.to_str().map_err(malformed)).transpose()
}

/// What a client calls itself may be anything; it is kept, not judged.
fn shorten(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().take(MAX_USER_AGENT).collect()
}

impl FromRequest for Client {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(State::of(req).and_then(|state| Self::read(req, state)))
    }
}
