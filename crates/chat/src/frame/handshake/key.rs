//! The keys of the handshake.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What is hashed with the key (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's `Sec-WebSocket-Key`: `nonce` is new and random for each connection (section 4.1).
pub fn client_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// The `Sec-WebSocket-Accept` that answers `key`: a client compares it with what the server said.
pub fn accept_key(key: &str) -> String {
    // SHA-1 hides nothing here: it shows that the server speaks the protocol.
    let input = [key.as_bytes(), GUID].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &input))
}

/// The answer to a key, if that is base64 of 16 bytes.
pub(super) fn accept(key: &[u8]) -> Option<String> {
    let key = str::from_utf8(key).ok()?;
    (STANDARD.decode(key).ok()?.len() == 16).then(|| accept_key(key))
}
