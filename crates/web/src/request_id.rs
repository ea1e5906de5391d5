//! The id of a request.

use std::convert::Infallible;
use std::fmt::{self, Write};
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use uuid::Uuid;
use veza_core::id::uuid_v7;
use veza_core::{Clock, Random};

/// The header that carries the id, in both directions.
pub(crate) const HEADER: &str = "x-request-id";

const MAX_LENGTH: usize = 128;

/// The id of a request: the client's `X-Request-Id` when it is 1 to 128 visible ASCII characters,
/// else a new UUID version 7. An extractor gives it to handlers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id the client sent, or a new one.
    pub(crate) fn choose(headers: &HeaderMap, clock: &dyn Clock, random: &dyn Random) -> Self {
        let sent = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| well_formed(id));
        match sent {
            Some(id) => Self(id.into()),
            None => Self(uuid_v7(clock.now(), random).as_hyphenated().to_string().into()),
        }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a URN: `urn:uuid:…`, or `urn:veza:request:…` when the client sent no UUID.
    pub fn urn(&self) -> String {
        if let Ok(uuid) = Uuid::try_parse(&self.0) {
            return format!("urn:uuid:{uuid}");
        }
        let mut urn = String::from("urn:veza:request:");
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                urn.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(urn, "%{byte:02X}");
            }
        }
        urn
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_invisible| HeaderValue::from_static(""))
    }
}

fn well_formed(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_LENGTH && id.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromRequest for RequestId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let id = req.extensions().get::<Self>().cloned();
        ready(Ok(id.unwrap_or_else(|| Self("".into()))))
    }
}

#[cfg(test)]
mod tests {
    use veza_core::{SeededRandom, SystemClock};

    use super::*;

    fn id(sent: &str) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER.parse().unwrap(), HeaderValue::from_bytes(sent.as_bytes()).unwrap());
        RequestId::choose(&headers, &SystemClock, &SeededRandom::new(1))
    }

    #[test]
    fn a_well_formed_id_is_kept() {
        assert_eq!(id("job/17").urn(), "urn:veza:request:job%2F17");
        let uuid = "0193e7c0-7b1a-7c00-8000-000000000001";
        assert_eq!(id(uuid).as_str(), uuid);
        assert_eq!(id(uuid).urn(), format!("urn:uuid:{uuid}"));
    }

    #[test]
    fn any_other_id_is_replaced() {
        for sent in ["", "a b", "é", &"x".repeat(129)] {
            assert_eq!(Uuid::try_parse(id(sent).as_str()).unwrap().get_version_num(), 7, "{sent}");
        }
    }
}
