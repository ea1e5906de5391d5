//! What a client asks for.

use serde::{Deserialize, Serialize};
use veza_core::FieldError;
use veza_web::{Problem, parse_json};

use super::answers::Wrong;
use super::bodies::{At, Behind, Editing, InRoom, Nothing, Of, Sending, Token, With};
use super::writing::text;
use crate::id::{MemberId, RoomId};
use crate::message::{Body, NewMessage};

/// Numbers that JSON's numbers hold exactly.
const MAX_ID: u64 = 1 << 53;

/// A request without what its method takes.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) id: u64,
    method: String,
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum Request {
    Hello { token: String },
    Subscribe { room: RoomId, after: Option<i64> },
    Unsubscribe { room: RoomId },
    Send { room: RoomId, message: NewMessage },
    Edit { room: RoomId, seq: i64, body: Body },
    Delete { room: RoomId, seq: i64 },
    React { room: RoomId, seq: i64, emoji: String },
    Unreact { room: RoomId, seq: i64, emoji: String },
    Read { room: RoomId, seq: i64 },
    Typing { room: RoomId },
    Watch { members: Vec<MemberId> },
    Ping,
}

impl Head {
    /// None for what is no object, or has no `id` that an answer could have.
    pub(super) fn read(text: &str) -> Option<Self> {
        // An array of the fields would be read, too.
        let is_object = text.trim_start().starts_with('{');
        serde_json::from_str::<Self>(text).ok().filter(|head| is_object && head.id <= MAX_ID)
    }

    /// The whole request.
    pub(super) fn request(&self, text: &str) -> Result<Request, Problem> {
        let text = text.as_bytes();
        Ok(match self.method.as_str() {
            "hello" => parse_json(text).map(|Token { token, .. }| Request::Hello { token })?,
            "subscribe" => {
                parse_json(text).map(|Behind { room, after, .. }| Request::Subscribe { room, after })?
            }
            "unsubscribe" => parse_json(text).map(|InRoom { room, .. }| Request::Unsubscribe { room })?,
            "send" => parse_json(text).map(|sending: Sending| {
                let Sending { room, body, attachments, client_id, reply_to, .. } = sending;
                Request::Send { room, message: NewMessage { client_id, reply_to, body, attachments } }
            })?,
            "edit" => {
                parse_json(text).map(|Editing { room, seq, body, .. }| Request::Edit { room, seq, body })?
            }
            "delete" => parse_json(text).map(|At { room, seq, .. }| Request::Delete { room, seq })?,
            "react" => {
                parse_json(text).map(|With { room, seq, emoji, .. }| Request::React { room, seq, emoji })?
            }
            "unreact" => {
                parse_json(text).map(|With { room, seq, emoji, .. }| Request::Unreact { room, seq, emoji })?
            }
            "read" => parse_json(text).map(|At { room, seq, .. }| Request::Read { room, seq })?,
            "typing" => parse_json(text).map(|InRoom { room, .. }| Request::Typing { room })?,
            "watch" => parse_json(text).map(|Of { members, .. }| Request::Watch { members })?,
            "ping" => parse_json(text).map(|Nothing { .. }| Request::Ping)?,
            _ => {
                let rule = "hello, subscribe, unsubscribe, send, edit, delete, react, unreact, read, typing, watch or ping";
                return Err(crate::Error::Invalid(vec![FieldError::new("/method", "unknown", rule)]).into());
            }
        })
    }
}

/// The frame of an answer.
pub(super) fn answer(id: u64, outcome: Result<serde_json::Value, Problem>) -> bytes::Bytes {
    #[derive(Serialize)]
    struct Done {
        id: u64,
        result: serde_json::Value,
    }
    #[derive(Serialize)]
    struct Failed<'p> {
        id: u64,
        error: Wrong<'p>,
    }
    match outcome {
        Ok(result) => text(&Done { id, result }),
        Err(problem) => {
            let error = Wrong {
                code: problem.code(),
                detail: problem.detail(),
                errors: problem.errors(),
                retry_after: problem.retry_seconds(),
            };
            text(&Failed { id, error })
        }
    }
}
