//! Where a server is.

use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::error::LinkError;

/// Where a server listens: `http://host:port`, with a path before `/v1/chat` if there is one, or `unix:/its/socket`.
///
/// There is no TLS here: it is for inside of a network, or for a proxy beside the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    address: Address,
    /// For `Host`.
    pub(super) host: String,
    /// What comes before `/v1/chat`.
    pub(super) prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    /// A name or an address, and a port.
    Tcp(String),
    Unix(PathBuf),
}

/// A URL that is none of those that [`Endpoint`] knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the URL must be http://host:port, with or without a path, or unix:/its/socket")]
pub struct BadEndpoint;

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(url: &str) -> Result<Self, BadEndpoint> {
        if let Some(path) = url.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            let address = Address::Unix(PathBuf::from(path));
            return Ok(Self { address, host: "localhost".to_owned(), prefix: String::new() });
        }
        let rest = url.strip_prefix("http://").ok_or(BadEndpoint)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@".contains(&byte));
        if host.is_empty() || !plain(host) || !plain(path) {
            return Err(BadEndpoint);
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = Address::Tcp(if has_port { host.to_owned() } else { format!("{host}:80") });
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { address, host: host.to_owned(), prefix })
    }
}

impl Endpoint {
    pub(super) async fn open(&self) -> Result<Wire, LinkError> {
        match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
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
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls_and_refuses_what_is_none() {
        let tcp = |url: &str| match url.parse::<Endpoint>() {
            Ok(Endpoint { address: Address::Tcp(address), host, prefix }) => (address, host, prefix),
            other => panic!("{url}: {other:?}"),
        };
        let of = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(tcp("http://chat.example.com"), of("chat.example.com:80", "chat.example.com", ""));
        assert_eq!(tcp("http://127.0.0.1:8080/"), of("127.0.0.1:8080", "127.0.0.1:8080", ""));
        assert_eq!(tcp("http://[::1]:8080/a/b/"), of("[::1]:8080", "[::1]:8080", "/a/b"));
        assert_eq!(tcp("http://[::1]"), of("[::1]:80", "[::1]", ""));
        for bad in [
            "",
            "http://",
            "http:///x",
            "https://a",
            "unix:x",
            "http://a b",
            "http://a/\r\nx: y",
            "http://u@a",
        ] {
            assert_eq!(bad.parse::<Endpoint>(), Err(BadEndpoint), "{bad}");
        }
        let socket = "unix:/run/veza.sock".parse::<Endpoint>().unwrap();
        assert_eq!(socket.address, Address::Unix(PathBuf::from("/run/veza.sock")));
    }
}
