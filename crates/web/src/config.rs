//! The configuration of the HTTP side.

use std::net::{Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veza_core::config::Period;

/// How Veza speaks HTTP: the section `[web]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// The addresses to listen on, each an IP address and a port. TLS is the business of the proxy
    /// in front, so an address that strangers can reach needs one.
    pub listen: Vec<SocketAddr>,
    /// The URL under which clients reach this service, without a slash at the end; it goes into
    /// links in e-mails and into tokens.
    pub public_url: String,
    /// The domain whose subdomains are tenants: with `example.com`, a request to
    /// `acme.example.com` is about the tenant `acme`. Without it the host says nothing.
    pub base_domain: Option<String>,
    /// Networks of the proxies in front. Only they are believed when they say who the client is and
    /// what it asked for (`X-Forwarded-For`, `-Proto`, `-Host`). A network too wide lets clients
    /// forge their address.
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// The largest JSON body, in bytes; a larger one is refused with 413. Uploads have limits of
    /// their own.
    pub body_limit: u32,
    /// Which browsers may call from other origins.
    pub cors: CorsConfig,
    /// Whether to compress answers of 1 KiB and more for clients that ask for it. Switch it off
    /// when the proxy in front does.
    pub compression: bool,
    /// How long a request may take until its answer begins; then it is given up with 503.
    pub request_timeout: Period,
    /// How long an idle connection stays open for the client's next request.
    pub keep_alive: Period,
    /// How long a client may take to send the head of a request; then it gets 408.
    pub client_request_timeout: Period,
    /// How long a client may take nothing of what is on its way to it; then its connection is ended.
    pub unread_timeout: Period,
    /// How many threads serve requests; 0 means one per core.
    pub workers: u16,
    /// How many connections may be open per worker; more wait to be accepted.
    pub max_connections: u32,
}

/// Cross-origin calls from browsers (CORS): the section `[web.cors]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins whose pages may call, such as `https://app.example.com`; compared character by
    /// character. None by default. There is no wildcard.
    pub allowed_origins: Vec<String>,
    /// Whether browsers may send cookies along. Veza itself uses none.
    pub credentials: bool,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            public_url: "http://127.0.0.1:8080".to_owned(),
            base_domain: None,
            trusted_proxies: Vec::new(),
            body_limit: 1024 * 1024,
            cors: CorsConfig::default(),
            compression: true,
            request_timeout: Period::from_secs(30),
            keep_alive: Period::from_secs(75),
            client_request_timeout: Period::from_secs(10),
            unread_timeout: Period::from_secs(120),
            workers: 0,
            max_connections: 25_000,
        }
    }
}
