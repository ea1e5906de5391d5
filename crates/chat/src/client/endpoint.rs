//! Where a server is.

use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::error::LinkError;
#[cfg(feature = "tls")]
use super::tls::Tls;

/// Where a server listens: `http://host:port`, with a path before `/v1/chat` if there is one, or `unix:/its/socket`; with
/// the feature `tls` also `https://host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    address: Address,
    /// For `Host`.
    pub(super) host: String,
    /// What comes before `/v1/chat`.
    pub(super) prefix: String,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    /// A name or an address, and a port.
    Tcp(String),
    Unix(PathBuf),
}

/// A URL that is none of those that [`Endpoint`] knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the URL must be http://host:port (https: with the feature tls), with or without a path, or unix:/its/socket"
)]
pub struct BadEndpoint;

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(url: &str) -> Result<Self, BadEndpoint> {
        if let Some(path) = url.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            let address = Address::Unix(PathBuf::from(path));
            return Ok(Self {
                address,
                host: "localhost".to_owned(),
                prefix: String::new(),
                #[cfg(feature = "tls")]
                tls: None,
            });
        }
        let secure = url.strip_prefix("https://").filter(|_| cfg!(feature = "tls"));
        let rest = secure.or_else(|| url.strip_prefix("http://")).ok_or(BadEndpoint)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@".contains(&byte));
        if host.is_empty() || !plain(host) || !plain(path) {
            return Err(BadEndpoint);
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = Address::Tcp(if has_port {
            host.to_owned()
        } else {
            format!("{host}:{}", if secure.is_some() { 443 } else { 80 })
        });
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self {
            address,
            host: host.to_owned(),
            prefix,
            #[cfg(feature = "tls")]
            tls: secure.map(|_| Tls::of(host).ok_or(BadEndpoint)).transpose()?,
        })
    }
}

impl Endpoint {
    /// The same, whose certificate is judged as `config` says: with an authority of one's own, or a certificate to show.
    /// Without this it must be one that the authorities vouch for that Mozilla trusts. It changes nothing for `http://`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn trust(mut self, config: std::sync::Arc<super::rustls::ClientConfig>) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.trust(config);
        }
        self
    }

    pub(super) async fn open(&self) -> Result<Wire, LinkError> {
        match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                #[cfg(feature = "tls")]
                if let Some(tls) = &self.tls {
                    return Ok(Wire::Tls(Box::new(tls.connect(stream).await?)));
                }
                Ok(Wire::Tcp(stream))
            }
            Address::Unix(path) => Ok(Wire::Unix(UnixStream::connect(path).await?)),
        }
    }
}

/// A stream of bytes to a server.
#[derive(Debug)]
pub(super) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls_and_refuses_what_is_none() {
        let tcp = |url: &str| match url.parse::<Endpoint>() {
            Ok(Endpoint { address: Address::Tcp(address), host, prefix, .. }) => (address, host, prefix),
            other => panic!("{url}: {other:?}"),
        };
        let of = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(tcp("http://chat.example.com"), of("chat.example.com:80", "chat.example.com", ""));
        assert_eq!(tcp("http://127.0.0.1:8080/"), of("127.0.0.1:8080", "127.0.0.1:8080", ""));
        assert_eq!(tcp("http://[::1]:8080/a/b/"), of("[::1]:8080", "[::1]:8080", "/a/b"));
        assert_eq!(tcp("http://[::1]"), of("[::1]:80", "[::1]", ""));
        for bad in ["", "http://", "http:///x", "unix:x", "http://a b", "http://a/\r\nx: y", "http://u@a"] {
            assert_eq!(bad.parse::<Endpoint>(), Err(BadEndpoint), "{bad}");
        }
        let secure = "https://a".parse::<Endpoint>().map(|endpoint| endpoint.address);
        let expected = Address::Tcp("a:443".to_owned());
        assert_eq!(secure, if cfg!(feature = "tls") { Ok(expected) } else { Err(BadEndpoint) });
        let socket = "unix:/run/veza.sock".parse::<Endpoint>().unwrap();
        assert_eq!(socket.address, Address::Unix(PathBuf::from("/run/veza.sock")));
    }
}
