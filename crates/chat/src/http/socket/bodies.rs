//! What requests look like, by what they take.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::id::{MemberId, RoomId};
use crate::message::{Body, NewAttachment};

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident as $schema:ident { $($(#[$meta:meta])* $field:ident: $type:ty),* })*) => {
        $(
            $(#[$doc])*
            #[derive(Deserialize, ToSchema)]
            #[schema(as = $schema)]
            #[allow(dead_code, reason = "id and method are known already, but must be there")]
            #[allow(clippy::struct_field_names, reason = "they are those of the protocol")]
            pub(super) struct $name {
                /// A number of the client's own, 0 to 2^53, that the answer repeats.
                pub(super) id: u64,
                /// What is asked for.
                pub(super) method: String,
                $($(#[$meta])* pub(super) $field: $type),*
            }
        )*
    };
}

bodies! {
    /// A request that takes nothing.
    Nothing as PlainRequest {}
    /// Who asks.
    Token as HelloRequest {
        /// An access token or an API key.
        token: String
    }
    /// A request about a room.
    InRoom as RoomRequest {
        /// The room.
        #[schema(value_type = Uuid)]
        room: RoomId
    }
    /// Which events of a room.
    Behind as SubscribeRequest {
        /// The room.
        #[schema(value_type = Uuid)]
        room: RoomId,
        /// Everything behind this event comes; what happens from now on when absent.
        #[serde(default)]
        after: Option<i64>
    }
    /// A message to be sent.
    Sending as SendRequest {
        /// The room.
        #[schema(value_type = Uuid)]
        room: RoomId,
        /// What it says; `{}` for a message of files alone.
        body: Body,
        /// Objects of storage that it carries, at most 10.
        #[serde(default)]
        attachments: Vec<NewAttachment>,
        /// What the sender calls it. Sent again within seven days, it gives the first one.
        #[serde(default)]
        client_id: Option<Uuid>,
        /// The message of the room that it replies to.
        #[serde(default)]
        reply_to: Option<i64>
    }
    /// What a message says from now on.
    Editing as EditRequest {
        /// The room.
        #[schema(value_type = Uuid)]
        room: RoomId,
        /// The message.
        seq: i64,
        /// What it says.
        body: Body
    }
    /// A request about an event of a room.
    At as EventRequest {
        /// The room.
        #[schema(value_type = Uuid)]
        room: RoomId,
        /// The event.
        seq: i64
    }
    /// Whom to watch.
    Of as WatchRequest {
        /// At most 200, in place of those named before.
        #[schema(value_type = Vec<Uuid>)]
        members: Vec<MemberId>
    }
    /// A reaction.
    With as ReactionRequest {
        /// The room.
        #[schema(value_type = Uuid)]
        room: RoomId,
        /// The message.
        seq: i64,
        /// An emoji, or a word for one.
        emoji: String
    }
}
