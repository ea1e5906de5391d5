//! An event on its way to many: encoded once, whoever gets it.

use std::fmt;
#[cfg(feature = "http")]
use std::sync::OnceLock;

#[cfg(feature = "http")]
use bytes::Bytes;

use crate::event::{Event, Place};

/// How a connection wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg(feature = "http")]
pub(crate) enum Form {
    /// A frame of WebSocket, with its header.
    Frame,
    /// A message of server-sent events.
    Sse,
}

/// An event of a room, shared by all who get it.
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) event: Event,
    #[cfg(feature = "http")]
    frame: OnceLock<Bytes>,
    #[cfg(feature = "http")]
    sse: OnceLock<Bytes>,
}

impl Entry {
    pub(crate) fn new(place: Place, event: Event) -> Self {
        Self {
            place,
            event,
            #[cfg(feature = "http")]
            frame: OnceLock::new(),
            #[cfg(feature = "http")]
            sse: OnceLock::new(),
        }
    }

    /// The bytes of it, made by whoever asks first.
    #[cfg(feature = "http")]
    pub(crate) fn bytes(&self, form: Form, make: impl FnOnce(&Self) -> Bytes) -> &Bytes {
        let cell = match form {
            Form::Frame => &self.frame,
            Form::Sse => &self.sse,
        };
        cell.get_or_init(|| make(self))
    }

    /// About how many bytes it will be.
    pub(crate) fn size(&self) -> usize {
        200 + self.event.body.as_ref().map_or(0, |body| body.len())
    }

    /// The same event without its body.
    pub(crate) fn without_body(&self) -> Self {
        Self::new(self.place, Event { body: None, ..self.event.clone() })
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place.room, self.event.seq)
    }
}
