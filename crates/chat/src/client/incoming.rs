//! What a server says.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde_json::value::RawValue;

use super::error::{LinkError, Refusal};
use crate::connection::Delivery;
use crate::event::{Event, EventKind};
use crate::hub::SignalKind;
use crate::id::{MemberId, RoomId};
use crate::presence::Presence;

/// What a server says: an answer, or what comes by itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Incoming {
    /// The answer to the request `id`: its result as JSON, or why there is none.
    Answer {
        /// Of the request.
        id: u64,
        /// What came of it.
        outcome: Result<Box<RawValue>, Refusal>,
    },
    /// What comes by itself.
    Delivery(Delivery),
    /// Something that a later server says and this client does not know; nothing depends on it.
    Other,
}

/// Everything that a message may have.
#[derive(Deserialize)]
struct Fields<'m> {
    id: Option<u64>,
    #[serde(borrow)]
    result: Option<&'m RawValue>,
    error: Option<Refusal>,
    r#type: Option<&'m str>,
    room: Option<RoomId>,
    kind: Option<&'m str>,
    by: Option<MemberId>,
    seq: Option<i64>,
    at: Option<DateTime<Utc>>,
    target: Option<i64>,
    messages: Option<i64>,
    #[serde(borrow)]
    body: Option<&'m RawValue>,
    head: Option<i64>,
    member: Option<MemberId>,
    online: Option<bool>,
    last_seen: Option<DateTime<Utc>>,
}

impl Incoming {
    /// Reads a message.
    ///
    /// # Errors
    /// [`LinkError::Unreadable`].
    pub fn read(text: &str) -> Result<Self, LinkError> {
        let unreadable = || LinkError::Unreadable(text.chars().take(200).collect());
        let fields: Fields<'_> = serde_json::from_str(text).map_err(|_error| unreadable())?;
        fields.into_incoming().ok_or_else(unreadable)
    }
}

impl Fields<'_> {
    fn into_incoming(self) -> Option<Incoming> {
        let Some(kind) = self.r#type else {
            let outcome = match (self.result, self.error) {
                (Some(result), None) => Ok(result.to_owned()),
                (None, Some(refusal)) => Err(refusal),
                _ => return None,
            };
            return Some(Incoming::Answer { id: self.id?, outcome });
        };
        Some(match kind {
            "event" => Incoming::Delivery(Delivery::Event { room: self.room?, event: self.event()? }),
            "signal" => {
                let (kind, by) = (word::<SignalKind>(self.kind?)?, self.by?);
                Incoming::Delivery(Delivery::Signal { room: self.room?, kind, by, seq: self.seq })
            }
            "presence" => {
                let (member, online) = (self.member?, self.online?);
                let presence = Presence { member, online, last_seen: self.last_seen };
                Incoming::Delivery(Delivery::Presence(presence))
            }
            "reset" => Incoming::Delivery(Delivery::Reset { room: self.room?, head: self.head? }),
            "ended" => Incoming::Delivery(Delivery::Ended { room: self.room? }),
            _ => Incoming::Other,
        })
    }

    fn event(&self) -> Option<Event> {
        Some(Event {
            seq: self.seq?,
            kind: word::<EventKind>(self.kind?)?,
            by: self.by?,
            at: self.at?,
            target: self.target,
            messages: self.messages?,
            body: self.body.map(|body| Arc::from(body.get())),
        })
    }
}

fn word<T: DeserializeOwned>(word: &str) -> Option<T> {
    let word: StrDeserializer<'_, WordError> = word.into_deserializer();
    T::deserialize(word).ok()
}
