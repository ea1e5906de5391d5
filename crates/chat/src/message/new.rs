//! A message before it is stored.

use uuid::Uuid;

use super::{Attachment, Body, NewAttachment};
#[cfg(feature = "storage")]
use crate::batch::Sent;

/// A message to be sent.
#[derive(Debug, Clone, Default)]
pub struct NewMessage {
    /// What the sender calls it. Sent again within seven days with the same name, it gives the first one.
    pub client_id: Option<Uuid>,
    /// The message of the room that it replies to, which is no reply itself.
    pub reply_to: Option<i64>,
    /// What it says. It may say nothing when the message carries something.
    pub body: Body,
    /// Objects that it carries, [`MAX_ATTACHMENTS`](crate::MAX_ATTACHMENTS) at most, which the sender may read.
    pub attachments: Vec<NewAttachment>,
}

/// What a message carries.
#[derive(Debug)]
pub(crate) enum Attached {
    /// The message was sent before.
    #[cfg(feature = "storage")]
    Known(Sent),
    Files(Vec<Attachment>),
}
