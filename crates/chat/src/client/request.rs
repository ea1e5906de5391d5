//! What a client asks for.

use serde::Serialize;
use uuid::Uuid;

use crate::id::{MemberId, RoomId};
use crate::message::{Body, NewAttachment};

/// A request of the protocol.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// Who this is; the first request, and again before the token expires.
    Hello {
        /// An access token or an API key.
        token: String,
    },
    /// Listen to a room.
    Subscribe {
        /// Where.
        room: RoomId,
        /// The last event that is known; 0 for all there are, None for what happens from now on.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<i64>,
    },
    /// Listen no more.
    Unsubscribe {
        /// Where.
        room: RoomId,
    },
    /// Say something.
    Send {
        /// Where.
        room: RoomId,
        /// What.
        body: Body,
        /// Objects of storage that it carries.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<NewAttachment>,
        /// What the client calls it, so that it can be sent again.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<Uuid>,
        /// The message that it replies to.
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_to: Option<i64>,
    },
    /// Say something else instead.
    Edit {
        /// Where.
        room: RoomId,
        /// Which message.
        seq: i64,
        /// What it says from now on.
        body: Body,
    },
    /// Take a message back.
    Delete {
        /// Where.
        room: RoomId,
        /// Which message.
        seq: i64,
    },
    /// React to a message.
    React {
        /// Where.
        room: RoomId,
        /// Which message.
        seq: i64,
        /// How.
        emoji: String,
    },
    /// Take a reaction back.
    Unreact {
        /// Where.
        room: RoomId,
        /// Which message.
        seq: i64,
        /// How it was.
        emoji: String,
    },
    /// Say how far the caller has read.
    Read {
        /// Where.
        room: RoomId,
        /// The last event that was read.
        seq: i64,
    },
    /// Say that the caller writes.
    Typing {
        /// Where.
        room: RoomId,
    },
    /// Be told of people who come and go, in place of those named before.
    Watch {
        /// Whom, [`crate::MAX_WATCHED`] at most.
        members: Vec<MemberId>,
    },
    /// Ask for a sign of life.
    Ping,
}

impl Request {
    /// As it goes over the wire.
    pub(super) fn text(&self, id: u64) -> String {
        #[derive(Serialize)]
        struct Whole<'r> {
            id: u64,
            #[serde(flatten)]
            request: &'r Request,
        }
        serde_json::to_string(&Whole { id, request: self }).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_the_protocol_says() {
        let room = RoomId::from_uuid(Uuid::from_u128(7));
        let attachments = Vec::new();
        let send =
            Request::Send { room, body: Body::text("hi"), attachments, client_id: None, reply_to: Some(3) };
        let expected =
            format!(r#"{{"id":7,"method":"send","room":"{room}","body":{{"text":"hi"}},"reply_to":3}}"#);
        assert_eq!(send.text(7), expected);
        assert_eq!(Request::Ping.text(0), r#"{"id":0,"method":"ping"}"#);
    }
}
