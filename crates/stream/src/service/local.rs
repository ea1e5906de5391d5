//! Our side of a session that begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use veza_core::bytes;

use super::Streams;
use crate::error::Error;
use crate::id::SessionId;
use crate::live::Live;
use crate::sdp::Local;

/// A session that was begun.
#[derive(Debug, Clone)]
pub struct Started {
    /// The session.
    pub id: SessionId,
    /// The part of its URL that nobody can guess.
    pub resource: String,
    /// The answer, or the counter-offer's nothing.
    pub answer: String,
    /// Which ICE session it is: the ETag.
    pub version: i64,
}

impl Started {
    pub(super) fn new(live: &Live, answer: String) -> Self {
        Self { id: live.id, resource: live.resource.clone(), answer, version: live.version() }
    }
}

impl Streams {
    /// Our side of a new transport.
    pub(super) fn local(&self) -> Result<Local, Error> {
        let plane = self.plane()?;
        Ok(Local {
            credentials: plane.credentials(),
            fingerprint: plane.fingerprint(),
            candidates: plane.candidates().iter().map(ToString::to_string).collect(),
            session: u32::from_be_bytes(bytes::<4>(&**self.db().random())),
        })
    }

    /// The part of a session's URL that nobody can guess: 128 random bits (RFC 9725 section 5).
    pub(super) fn resource(&self) -> String {
        BASE64.encode(bytes::<16>(&**self.db().random()))
    }

    pub(super) fn new_id(&self) -> SessionId {
        SessionId::generate(self.db().clock().now(), &**self.db().random())
    }
}
