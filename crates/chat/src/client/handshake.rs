//! The upgrade, as a client asks for it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use veza_core::{SystemRandom, bytes};

use super::endpoint::{Endpoint, Wire};
use super::error::LinkError;
use crate::frame::handshake::{VERSION, accept_key, client_key};

/// The subprotocol.
const PROTOCOL: &str = "veza.chat.v1.json";
/// Bytes of the answer's head.
const MAX_HEAD: usize = 16 * 1024;

/// Asks for the upgrade, and reads its answer and nothing behind it.
pub(super) async fn upgrade(wire: &mut Wire, endpoint: &Endpoint) -> Result<(), LinkError> {
    let key = client_key(bytes(&SystemRandom));
    let Endpoint { host, prefix, .. } = endpoint;
    let request = format!(
        "GET {prefix}/v1/chat/connect HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: {VERSION}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
    );
    wire.write_all(request.as_bytes()).await?;
    wire.flush().await?;
    let head = head(wire).await?;
    judge(&head, &accept_key(&key))
}

/// Up to the empty line. Byte by byte, as what follows is not ours; it is a short text, once for each connection.
async fn head(wire: &mut Wire) -> Result<String, LinkError> {
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > MAX_HEAD {
            return Err(LinkError::Handshake);
        }
        head.push(wire.read_u8().await?);
    }
    String::from_utf8(head).or(Err(LinkError::Handshake))
}

/// The rules of RFC 6455, section 4.1.
fn judge(head: &str, accept: &str) -> Result<(), LinkError> {
    let mut lines = head.lines();
    let mut status = lines.next().unwrap_or_default().split(' ');
    let (version, status) = (status.next(), status.next().and_then(|status| status.parse::<u16>().ok()));
    match (version, status) {
        (Some("HTTP/1.1"), Some(101)) => {}
        (Some(_), Some(status)) => return Err(LinkError::Refused(status)),
        _ => return Err(LinkError::Handshake),
    }
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let value = |name: &str| {
        let mut values = headers.iter().filter(|(is, _)| is.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.trim())
    };
    let is = |name, expected: &str| value(name).is_some_and(|value| value.eq_ignore_ascii_case(expected));
    let holds = is("upgrade", "websocket")
        && is("connection", "upgrade")
        && value("sec-websocket-accept") == Some(accept)
        && value("sec-websocket-extensions").is_none()
        && value("sec-websocket-protocol").is_none_or(|protocol| protocol == PROTOCOL);
    if holds { Ok(()) } else { Err(LinkError::Handshake) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_the_answer() {
        let good = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: abc=\r\nsec-websocket-protocol: veza.chat.v1.json\r\n\r\n";
        assert!(judge(good, "abc=").is_ok());
        assert!(matches!(judge(good, "other"), Err(LinkError::Handshake)));
        for (from, to) in [
            ("upgrade: websocket", "upgrade: h2c"),
            ("Connection: Upgrade", "Connection: close"),
            ("veza.chat.v1.json", "another"),
            ("upgrade:", "sec-websocket-extensions: permessage-deflate\r\nupgrade:"),
            ("HTTP/1.1 101", "nonsense"),
        ] {
            assert!(matches!(judge(&good.replacen(from, to, 1), "abc="), Err(LinkError::Handshake)), "{to}");
        }
        assert!(matches!(judge("HTTP/1.1 503 No\r\n\r\n", "abc="), Err(LinkError::Refused(503))));
    }
}
