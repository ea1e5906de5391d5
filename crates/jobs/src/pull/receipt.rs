//! Receipts: what a receiver shows to end a message that it received.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::id::{JobId, Token};

/// The key of one lease: base64url of the message (16 bytes) and the token of the receive (16). It is
/// looked up in the caller's own tenant, so it is worth nothing elsewhere; the next receive of the
/// message has another token, so it is worth nothing then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) job: JobId,
    pub(crate) token: Token,
}

impl Receipt {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (job, token) = bytes.split_at_checked(16)?;
        Some(Self {
            job: JobId::from_uuid(Uuid::from_slice(job).ok()?),
            token: Token(Uuid::from_slice(token).ok()?),
        })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.job.as_uuid().into_bytes(), self.token.0.into_bytes()].concat();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_survive_reading_and_nonsense_is_none() {
        let receipt =
            Receipt { job: JobId::from_uuid(Uuid::from_u128(7)), token: Token(Uuid::from_u128(u128::MAX)) };
        let text = receipt.to_string();
        assert_eq!(Receipt::parse(&text), Some(receipt));
        let short: String = text.chars().skip(1).collect();
        for wrong in ["", "A", "é", &short, &format!("{text}A"), &text.replace('_', "/")] {
            assert_eq!(Receipt::parse(wrong), None, "{wrong}");
        }
    }
}
