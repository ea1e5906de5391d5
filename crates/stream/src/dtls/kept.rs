//! What is kept of a handshake that is done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::HandshakeConfig;
use rtc_dtls::conn::DTLSConn;
use rtc_dtls::endpoint::Endpoint;
use rtc_dtls::state::State;
use zeroize::Zeroizing;

/// Record types (RFC 6347 section 4.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// So often our last words are repeated: anybody can say what asks for that.
const REPEATS: u8 = 8;

/// Something that a peer says who is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Its last words again, so it has not heard ours (RFC 6347 section 4.2.4).
    Finished,
    /// An alert, of which `close_notify` is one.
    Alert,
}

impl Said {
    /// What a datagram has to say, as far as it is encrypted.
    pub(super) fn read(datagram: &[u8]) -> Option<Self> {
        let mut rest = datagram;
        while let Some((header, behind)) = rest.split_first_chunk::<13>() {
            let [kind, _, _, epoch0, epoch1, .., length0, length1] = *header;
            match (kind, u16::from_be_bytes([epoch0, epoch1])) {
                (HANDSHAKE, 1..) => return Some(Self::Finished),
                (ALERT, 1..) => return Some(Self::Alert),
                _ => rest = behind.get(usize::from(u16::from_be_bytes([length0, length1]))..)?,
            }
        }
        None
    }
}

/// What is kept: a few hundred bytes, from which the library goes on when there is something to read.
pub(super) struct Kept {
    state: Zeroizing<Vec<u8>>,
    /// Our last words.
    last: Vec<Bytes>,
    repeats: u8,
}

impl Kept {
    pub(super) fn new(connection: &DTLSConn, last: Vec<Bytes>) -> Option<Self> {
        // Of the library's buffers, which are larger than what is in them.
        let last = last.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect();
        Some(Self { state: frozen(connection)?, last, repeats: 0 })
    }

    /// The same, with what was said since.
    pub(super) fn frozen(&self, connection: &DTLSConn) -> Option<Self> {
        Some(Self { state: frozen(connection)?, last: self.last.clone(), repeats: self.repeats })
    }

    /// Our last words again, a few times.
    pub(super) fn repeat(&mut self) -> Vec<Bytes> {
        if self.repeats >= REPEATS {
            return Vec::new();
        }
        self.repeats += 1;
        self.last.clone()
    }

    /// Makes it what the library knows as `peer`. Answers whether that could be done.
    pub(super) fn thaw(
        &self,
        provider: &Arc<dyn RTCCryptoProvider>,
        config: &Arc<HandshakeConfig>,
        endpoint: &mut Endpoint,
        now: Instant,
        peer: SocketAddr,
    ) -> bool {
        let mut state = State::new(Arc::clone(provider), false);
        let read = state.unmarshal_binary(&self.state);
        // It connects nothing: the state says that all is done, and who was the server.
        read.and_then(|()| endpoint.connect(now, peer, Arc::clone(config), Some(state))).is_ok()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.state.len() + self.last.iter().map(Bytes::len).sum::<usize>() + size_of::<Self>()
    }
}

fn frozen(connection: &DTLSConn) -> Option<Zeroizing<Vec<u8>>> {
    let mut state = connection.connection_state().marshal_binary().ok()?;
    state.shrink_to_fit();
    Some(Zeroizing::new(state))
}
