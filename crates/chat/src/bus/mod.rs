//! What processes tell each other: a hint, which may be lost. PostgreSQL has the truth, and whoever listens compares
//! with it every few seconds.

#[cfg(feature = "redis")]
mod message;
#[cfg(feature = "redis")]
mod redis;

use std::fmt;

use tokio::sync::mpsc;

#[cfg(feature = "redis")]
pub(crate) use self::redis::run;
use crate::event::{Event, Place};
use crate::hub::Signal;
use crate::presence::Whose;

/// News that wait to be told; more are lost.
const WAITING: usize = 1_024;

/// What there is to tell.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "there is nobody to tell"))]
pub(crate) enum News {
    /// These are committed.
    Events(Vec<(Place, Event)>),
    /// A room has an event with this number.
    Head(Place, i64),
    /// Lost when nobody listens.
    Signal(Signal),
    /// Who is connected to this process, and who is not any more.
    Presence(Vec<(Whose, bool)>),
}

/// The way out.
#[derive(Clone, Default)]
pub(crate) struct Outgoing(Option<mpsc::Sender<News>>);

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

impl Outgoing {
    /// A way, and its end.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "there is nobody to tell"))]
    pub(crate) fn open() -> (Self, mpsc::Receiver<News>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(Some(sender)), receiver)
    }

    /// Tells the others, if there are any and not too much waits.
    pub(crate) fn tell(&self, news: impl FnOnce() -> News) {
        if let Some(sender) = &self.0 {
            let _lost_when_too_much_waits = sender.try_send(news());
        }
    }
}
