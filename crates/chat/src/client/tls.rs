//! TLS on the way to a server.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Who the server must prove to be, and to whom it is believed.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    name: ServerName<'static>,
    /// None: the authorities that Mozilla trusts.
    config: Option<Arc<ClientConfig>>,
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        let configs = [&self.config, &other.config].map(|config| config.as_ref().map(Arc::as_ptr));
        self.name == other.name && configs[0] == configs[1]
    }
}

impl Eq for Tls {}

impl Tls {
    /// `host` may have a port. None when it is no name that a certificate could have.
    pub(super) fn of(host: &str) -> Option<Self> {
        let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let name = match host.rsplit_once(':') {
            Some((name, number)) if port(number) => name,
            _ => host,
        };
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        Some(Self { name: ServerName::try_from(name.to_owned()).ok()?, config: None })
    }

    pub(super) fn trust(&mut self, config: Arc<ClientConfig>) {
        self.config = Some(config);
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = match &self.config {
            Some(config) => Arc::clone(config),
            None => usual()?,
        };
        TlsConnector::from(config).connect(self.name.clone(), stream).await
    }
}

/// Believes what browsers believe.
fn usual() -> io::Result<Arc<ClientConfig>> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
